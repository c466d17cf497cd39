package dev.switchboard.console.ui;

import static dev.switchboard.console.api.MarkupAnswers.EVIL;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.vaadin.flow.dom.Element;
import dev.switchboard.console.api.MarkupAnswers;
import dev.switchboard.console.api.Role;
import dev.switchboard.testing.Await;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A gateway whose every text is markup: each view shows it as the text that it is. */
class MarkupTest extends ConsoleViewTest {
  @BeforeAll
  static void sayMarkup() throws IOException {
    MarkupAnswers.say(fake);
    gateway().refresh();
    // Classes are read every ten seconds, and the last time may have been a moment ago.
    Await.until(() -> gateway().snapshot().info().path("version").asString("").equals(EVIL));
    Await.until(
        () ->
            gateway().snapshot().classes().stream()
                .anyMatch(c -> c.path("name").asString("").equals(EVIL)));
  }

  /** What would be read as markup by a browser. */
  private static List<String> markup(Element element) {
    List<String> found = new ArrayList<>();
    if (!element.isTextNode()) {
      if (element.hasProperty("innerHTML") || List.of("img", "script").contains(element.getTag())) {
        found.add(element.getTag());
      }
      element
          .getAttributeNames()
          .filter(name -> name.startsWith("on") || name.equals("srcdoc"))
          .forEach(found::add);
      String href = element.getAttribute("href");
      if (href != null && href.startsWith("javascript:")) {
        found.add(href);
      }
      element.getChildren().forEach(child -> found.addAll(markup(child)));
    }
    return found;
  }

  private List<String> markup() {
    Element top = getCurrentView().getElement();
    for (Element up = top.getParent(); up != null; up = up.getParent()) {
      top = up;
    }
    List<String> found = markup(top);
    found.addAll(markup(getCurrentView().getElement()));
    return found;
  }

  private String drawn(String path) {
    go(path);
    Await.until(
        () -> {
          go("people");
          go(path);
          String all = text() + properties(getCurrentView().getElement());
          return all.contains(EVIL);
        });
    return text();
  }

  /** Texts that stand in properties, such as those of fields and tables. */
  private static String properties(Element element) {
    StringBuilder all = new StringBuilder();
    if (!element.isTextNode()) {
      element.getPropertyNames().forEach(name -> all.append(element.getPropertyRaw(name)));
      element.getComponent().ifPresent(c -> all.append(items(c)));
      element.getChildren().forEach(child -> all.append(properties(child)));
    }
    return all.toString();
  }

  private static String items(com.vaadin.flow.component.Component component) {
    if (component instanceof com.vaadin.flow.component.grid.Grid<?> grid
        && !(component instanceof com.vaadin.flow.component.treegrid.TreeGrid<?>)) {
      return grid.getListDataView().getItems().toList().toString();
    }
    return "";
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "replicas/gw/w0",
        "requests",
        "requests/gw/a",
        "compare/gw/a/b",
        "models",
        "slos",
        "drills",
        "tenants",
        "audit",
        "system"
      })
  void textsOfAGatewayStayTexts(String path) {
    as(Role.ADMIN);

    drawn(path);

    assertEquals(List.of(), markup());
  }

  @Test
  void theBrowsersPartSetsNoMarkup() throws IOException {
    try (InputStream in =
        Objects.requireNonNull(
            MarkupTest.class.getResourceAsStream("/META-INF/resources/console/console.js"))) {
      String script = new String(in.readAllBytes(), StandardCharsets.UTF_8);
      for (String sink :
          List.of("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(")) {
        assertTrue(!script.contains(sink), sink);
      }
      assertTrue(script.contains("prefers-reduced-motion"), "motion is asked for");
      assertEquals(
          script.split("animation:", -1).length, script.split("animation: false", -1).length);
    }
  }

  /** What the browser makes of a row's texts, too. */
  @Test
  void templatesOfCellsSetTexts() throws IOException {
    List<Path> withTemplates = new ArrayList<>();
    try (Stream<Path> files = Files.walk(Path.of("src/main/java"))) {
      for (Path file : files.filter(f -> f.toString().endsWith(".java")).toList()) {
        String source = Files.readString(file);
        if (source.contains("LitRenderer")) {
          withTemplates.add(file.getFileName());
          for (String sink : List.of("innerHTML", "unsafeHTML", "unsafeSVG", "unsafeStatic")) {
            assertFalse(source.contains(sink), file + " has " + sink);
          }
        }
      }
    }
    assertTrue(withTemplates.contains(Path.of("Cells.java")), withTemplates::toString);
  }
}

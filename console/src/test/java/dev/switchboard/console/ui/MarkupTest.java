package dev.switchboard.console.ui;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.vaadin.flow.dom.Element;
import dev.switchboard.console.api.Role;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** A gateway whose every text is markup: each view shows it as the text that it is. */
class MarkupTest extends ConsoleViewTest {
  private static final String EVIL = "<img src=x onerror=alert(1)>";

  /** What has to stay as it is for the views to find their way. */
  private static final List<String> KEPT =
      List.of(
          "at",
          "accepted_at",
          "since",
          "started",
          "started_at",
          "ended_at",
          "state",
          "from",
          "to",
          "api",
          "admin",
          "phase",
          "type",
          "hour",
          "status",
          "id",
          "created_at",
          "kind");

  @BeforeAll
  static void sayMarkup() throws IOException {
    for (String name : List.of("replicas", "models", "requests", "slo-classes", "audit")) {
      fake.say("GET /admin/v1/" + name, 200, evil(file(name + ".json")).toString());
    }
    fake.say("GET /admin/v1/gateway", 200, evil(file("gateway.json")).toString());
    String timeline = evil(file("timeline.json")).toString();
    fake.say("GET /admin/v1/requests/a/timeline", 200, timeline);
    fake.say("GET /admin/v1/requests/b/timeline", 200, timeline);
    fake.say("GET /admin/v1/requests/a/explain", 200, "{\"text\": \"" + EVIL + "\"}");
    fake.say("GET /admin/v1/replicas/w0/state", 200, evil(file("state.json")).toString());
    fake.say("GET /admin/v1/replicas/w0/log", 200, "{\"lines\": [\"" + EVIL + "\"]}");
    fake.say(
        "GET /admin/v1/splits",
        200,
        "{\"splits\": [{\"name\": \"EVIL\", \"targets\": [{\"model\": \"EVIL\", \"weight\": 1}],"
                .replace("EVIL", EVIL)
            + " \"fallbacks\": [], \"policy\": \""
            + EVIL
            + "\", \"shadow\": null}]}");
    fake.say(
        "GET /admin/v1/drills",
        200,
        "{\"enabled\": true, \"drills\": [{\"id\": \"d\", \"replica\": \""
            + EVIL
            + "\", \"kind\": \""
            + EVIL
            + "\", \"phase\": \"ended\", \"outcome\": \"ready\","
            + " \"message\": \""
            + EVIL
            + "\", \"started_at\": \"2026-01-31T07:00:00Z\"}]}");
    fake.say("GET /admin/v1/tenants", 200, "{\"tenants\": [{\"name\": \"" + EVIL + "\"}]}");
    fake.say(
        "GET /admin/v1/keys",
        200,
        "{\"keys\": [{\"id\": \"k\", \"name\": \""
            + EVIL
            + "\", \"tenant\": \""
            + EVIL
            + "\", \"role\": \"app\", \"created_by\": \""
            + EVIL
            + "\"}]}");
    fake.say("GET /admin/v1/usage", 200, "{\"usage\": []}");
    gateway().refresh();
    // Classes are read every ten seconds, and the last time may have been a moment ago.
    await(() -> gateway().snapshot().info().path("version").asString("").equals(EVIL));
    await(
        () ->
            gateway().snapshot().classes().stream()
                .anyMatch(c -> c.path("name").asString("").equals(EVIL)));
  }

  private static JsonNode file(String name) throws IOException {
    try (InputStream in =
        Objects.requireNonNull(MarkupTest.class.getResourceAsStream("/fake/" + name))) {
      return JsonMapper.shared().readTree(in);
    }
  }

  private static JsonNode evil(JsonNode node) {
    if (node instanceof ObjectNode object) {
      for (var field : List.copyOf(object.properties())) {
        boolean text = field.getValue().isString() && !KEPT.contains(field.getKey());
        object.set(field.getKey(), text ? object.stringNode(EVIL) : evil(field.getValue()));
      }
    } else if (node instanceof ArrayNode array) {
      for (int i = 0; i < array.size(); i++) {
        array.set(i, array.get(i).isString() ? array.stringNode(EVIL) : evil(array.get(i)));
      }
    }
    return node;
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
    await(
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
}

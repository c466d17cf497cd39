package dev.switchboard.console;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.microsoft.playwright.Page;
import dev.switchboard.console.api.FakeGateway;
import dev.switchboard.console.api.MarkupAnswers;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Before a gateway whose every text is markup: what Chromium makes of each view. */
@Tag("browser")
class MarkupIT {
  private static final int LIMIT_MS = 30_000;

  /** Images and handlers of the whole page, through shadow roots. */
  private static final String MADE =
      "() => { const made = []; const look = root => root.querySelectorAll('*').forEach(e => {"
          + " if (e.tagName === 'IMG' || e.hasAttribute('onerror')) made.push(e.outerHTML);"
          + " if (e.shadowRoot) look(e.shadowRoot); }); look(document); return made; }";

  @TempDir private static Path folder;
  private static final List<String> ALERTS = new ArrayList<>();
  private static LocalConsole console;
  private static Chromium chromium;
  private static Visitor alice;

  @BeforeAll
  static void start() throws Exception {
    FakeGateway gateway = new FakeGateway();
    MarkupAnswers.say(gateway);
    console = LocalConsole.start(gateway, folder, Duration.ofHours(1));
    chromium = Chromium.start();
    alice = new Visitor(chromium.visitor(console.url(), 1280, 900));
    alice.page().setDefaultTimeout(LIMIT_MS);
    alice
        .page()
        .onDialog(
            dialog -> {
              ALERTS.add(dialog.message());
              dialog.dismiss();
            });
    alice.signInFirst(console.firstRunUrl());
  }

  @AfterAll
  static void stop() {
    alice.close();
    chromium.close();
    console.close();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "/",
        "/replicas/gw/w0",
        "/requests",
        "/requests/gw/a",
        "/compare/gw/a/b",
        "/models",
        "/slos",
        "/drills",
        "/tenants",
        "/audit",
        "/system"
      })
  void textsOfAGatewayStayTextsInTheBrowser(String path) {
    Page page = alice.page();
    page.navigate(path);
    Chromium.drawn(page);

    page.waitForFunction(
        "text => document.body.innerText.includes(text)"
            + " || [...document.querySelectorAll('pre')].some(e => e.textContent.includes(text))",
        MarkupAnswers.EVIL);

    assertEquals(List.of(), page.evaluate(MADE));
    assertEquals(List.of(), ALERTS);
  }
}

package dev.switchboard.console;

import static com.microsoft.playwright.assertions.PlaywrightAssertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.microsoft.playwright.Locator;
import com.microsoft.playwright.Page;
import com.microsoft.playwright.assertions.PlaywrightAssertions;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Somebody without a mouse, and names that are markup, in Chromium. */
@Tag("browser")
class KeyboardIT {
  private static final int LIMIT_MS = 30_000;
  private static final int STOPS_MOST = 60;

  /** As the gateway calls one of its replicas. */
  private static final String MARKUP = "<img src=x onerror=alert(1)>";

  /** Where the focus is, through shadow roots, as words. */
  private static final String FOCUS =
      "() => { let at = document.activeElement; while (at?.shadowRoot?.activeElement) at ="
          + " at.shadowRoot.activeElement; return at; }";

  @TempDir private static Path folder;
  private static LocalConsole console;
  private static Chromium chromium;
  private static Visitor alice;

  @BeforeAll
  static void start() throws Exception {
    PlaywrightAssertions.setDefaultAssertionTimeout(LIMIT_MS);
    console = LocalConsole.start(folder, Duration.ofHours(1));
    chromium = Chromium.start();
    alice = new Visitor(chromium.visitor(console.url(), 1280, 900));
    alice.page().setDefaultTimeout(LIMIT_MS);
    alice.signInFirst(console.firstRunUrl());
  }

  @AfterAll
  static void stop() {
    alice.close();
    chromium.close();
    console.close();
  }

  @AfterEach
  void theBrowserSawNoFault() {
    assertEquals(List.of(), alice.faults());
  }

  private static Page page() {
    return alice.page();
  }

  private static void open(String path) {
    page().navigate(path);
    Chromium.drawn(page());
  }

  private static boolean focused(String test) {
    return (Boolean)
        page().evaluate("() => { const at = (" + FOCUS + ")(); return !!(" + test + "); }");
  }

  /** Presses Tab until the focus is where the test says. */
  private static void tabTo(String test) {
    for (int i = 0; i < STOPS_MOST; i++) {
      page().keyboard().press("Tab");
      if (focused(test)) {
        return;
      }
    }
    throw new AssertionError("no stop of the Tab key where " + test);
  }

  /** To the body of the first table, past its head. */
  private static void tabToTheRowsOf(String label) {
    page().locator("vaadin-grid[aria-label='" + label + "']").first().waitFor();
    tabTo(
        "at.closest('#items') && at.getRootNode().host?.getAttribute('aria-label') === '"
            + label
            + "'");
  }

  @Test
  void aReplicaIsOpenedFromTheFleetByTheEnterKey() {
    open("/");
    tabToTheRowsOf("Gateways, models and replicas");
    page().keyboard().press("ArrowDown");
    page().keyboard().press("ArrowDown");
    page().keyboard().press("ArrowDown");
    page().keyboard().press("Enter");

    page().waitForURL("**/replicas/gw/*");
  }

  @Test
  void aRequestIsOpenedFromItsRowByTheEnterKey() {
    open("/requests");
    tabToTheRowsOf("Requests");
    page().keyboard().press("Enter");

    page().waitForURL("**/requests/gw/*");
  }

  @Test
  void aDialogKeepsTheFocusAndEscapeClosesItAndGivesItBack() {
    open("/replicas/gw/w0");
    tabTo("at.textContent.trim() === 'Drain'");
    page().keyboard().press("Enter");
    assertThat(alice.dialog()).containsText("Drain w0");
    for (int i = 0; i < 12; i++) {
      page().keyboard().press("Tab");
      assertTrue(
          focused(
              "!!at.closest('vaadin-dialog') || !!at.getRootNode().host?.closest('vaadin-dialog')"),
          "after " + (i + 1));
    }

    page().keyboard().press("Escape");

    assertThat(alice.dialog()).hasCount(0);
    assertTrue(focused("at.textContent.trim() === 'Drain'"));
    assertEquals(List.of(), console.gateway().changes());
  }

  @Test
  void aNameThatIsMarkupStaysTextInTheBrowser() {
    open("/");
    Locator cell =
        page().locator("vaadin-grid a").filter(new Locator.FilterOptions().setHasText(MARKUP));
    assertThat(cell).hasText(MARKUP);
    assertEquals(0, page().locator("img").count());
  }
}

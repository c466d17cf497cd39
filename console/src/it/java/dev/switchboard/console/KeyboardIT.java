package dev.switchboard.console;

import static com.microsoft.playwright.assertions.PlaywrightAssertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.microsoft.playwright.Locator;
import com.microsoft.playwright.Page;
import com.microsoft.playwright.assertions.PlaywrightAssertions;
import com.microsoft.playwright.options.ReducedMotion;
import dev.switchboard.console.api.FakeGateway;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
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

  @BeforeEach
  void forgetCalls() {
    console.gateway().forget();
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

  private static void press(String... keys) {
    for (String key : keys) {
      page().keyboard().press(key);
    }
  }

  @Test
  void gAndALetterOpensAView() {
    open("/");
    press("g", "a");

    page().waitForURL("**/audit");
    assertThat(alice.heading("Audit")).isVisible();
  }

  @Test
  void lettersThatSomebodyTypesOpenNothing() {
    open("/audit");
    page().getByLabel("Person").focus();
    press("g", "r");

    assertThat(page().getByLabel("Person")).hasValue("gr");
    assertTrue(page().url().endsWith("/audit"), page().url());
  }

  @Test
  void theQuestionMarkShowsTheKeysAndThereTheyAreSwitchedOff() {
    open("/audit");
    press("?");
    assertThat(alice.dialog()).containsText("Open Fleet");
    tabTo("at.type === 'checkbox'");
    press("Space", "Escape");
    assertThat(alice.dialog()).hasCount(0);

    press("g", "r", "?");
    // Whatever would have been opened has had its time.
    open("/audit");
    press("g", "r", "?");
    page().waitForTimeout(500);
    assertThat(alice.dialog()).hasCount(0);
    assertTrue(page().url().endsWith("/audit"), page().url());

    page().evaluate("localStorage.removeItem('switchboard.keys')");
    press("g", "r");
    page().waitForURL("**/requests");
  }

  /** As a picture, to see whether something else is drawn there. */
  private static String drawn(String canvas) {
    return (String) page().locator(canvas).evaluate("e => e.toDataURL()");
  }

  private static void tabToTheCanvasOf(String element) {
    page().locator(element + " canvas").waitFor();
    tabTo("at.parentElement?.localName === '" + element + "'");
  }

  @Test
  void arrowsMoveInTheHeatMapWhichSaysWhereTheyAre() {
    open("/replicas/gw/w0");
    tabToTheCanvasOf("sb-heat");
    String before = drawn("sb-heat canvas");
    Locator said = page().locator("sb-heat .sb-heat-said");

    press("ArrowRight");
    assertThat(said).containsText("stage 0, rank 0: skew 1.03×");
    press("ArrowRight", "ArrowDown");

    assertThat(said).containsText("stage 1, rank 1: skew 1.04×");
    assertNotEquals(before, drawn("sb-heat canvas"), "the rank has an outline");
  }

  @Test
  void arrowsMoveInTheLanesAndTheChosenBarHasAnOutline() {
    open("/replicas/gw/w0");
    tabToTheCanvasOf("sb-lanes");
    Locator said = page().locator("sb-lanes .sb-heat-said");

    press("ArrowRight");
    assertThat(said).containsText("step 19447, stage 0, rank 0: 1 tokens");
    String first = drawn("sb-lanes canvas");
    press("ArrowRight");
    assertThat(said).containsText("step 19448, stage 0, rank 0");
    press("ArrowDown");

    assertThat(said).containsText("step 19448, stage 0, rank 1");
    assertNotEquals(first, drawn("sb-lanes canvas"));
  }

  @Test
  void arrowsMoveInTheTimesOfPiecesAndTheChosenOneHasAnOutline() {
    open("/audit");
    page()
        .evaluate(
            "() => { const strip = document.createElement('sb-tokens');"
                + " document.querySelector('.sb-view').append(strip);"
                + " strip.begin(); strip.add([20, 30, 45, 90]);"
                + " strip.querySelector('canvas').focus(); }");
    String before = drawn("sb-tokens canvas");
    Locator said = page().locator("sb-tokens .sb-heat-said");

    press("ArrowRight");
    assertThat(said).hasText("Piece 2: 10.00 ms after the one before, 30.0 ms after the start");
    String first = drawn("sb-tokens canvas");
    press("ArrowRight");

    assertThat(said).hasText("Piece 3: 15.00 ms after the one before, 45.0 ms after the start");
    assertNotEquals(before, first);
    assertNotEquals(first, drawn("sb-tokens canvas"));
  }

  @Test
  void theSliderOfTheFleetTakesArrowKeys() {
    open("/");
    tabTo("at.type === 'range'");
    press("ArrowLeft", "ArrowLeft", "ArrowLeft", "ArrowLeft");

    assertThat(page().getByText("UTC, 1 min ago")).isVisible();
    assertThat(page().getByText("59 min ago")).isVisible();
  }

  @Test
  void aChangeIsConfirmedByCtrlEnter() {
    open("/replicas/gw/w0");
    tabTo("at.textContent.trim() === 'Cordon'");
    press("Enter");
    assertThat(alice.dialog()).containsText("Cordon w0");
    page().keyboard().type("a disk fails");
    press("Control+Enter");

    assertThat(alice.dialog()).hasCount(0);
    assertEquals(
        List.of("/admin/v1/replicas/w0/cordon"),
        console.gateway().changes().stream().map(FakeGateway.Call::path).toList());
  }

  @Test
  void theFirstStopOfTabSkipsToTheContent() {
    open("/audit");
    press("Tab");
    assertTrue(focused("at.textContent.trim() === 'Skip to content'"));
    press("Enter");
    page().waitForFunction("() => document.activeElement?.classList.contains('sb-view')");
    press("Tab");

    assertTrue(focused("!!at.closest('.sb-view') || !!at.getRootNode().host?.closest('.sb-view')"));
  }

  @Test
  void whoWantsLessMotionHasNone() {
    open("/replicas/gw/w0");
    page()
        .evaluate(
            "() => { const moving = document.createElement('div'); moving.id = 'moving';"
                + " moving.style.cssText = 'transition: opacity 3s; animation: spin 3s infinite';"
                + " document.querySelector('.sb-view').append(moving); }");
    String moves =
        "() => { const style = getComputedStyle(document.getElementById('moving'));"
            + " return style.animationName + ' ' + style.transitionDuration; }";

    assertEquals("none 0s", page().evaluate(moves));
    alice.button("Cordon").click();
    assertThat(alice.dialog()).containsText("Cordon w0");
    assertEquals(0, page().evaluate("document.getAnimations().length"));

    page()
        .emulateMedia(new Page.EmulateMediaOptions().setReducedMotion(ReducedMotion.NO_PREFERENCE));
    assertEquals("spin 3s", page().evaluate(moves), "it moves for others");
    page().emulateMedia(new Page.EmulateMediaOptions().setReducedMotion(ReducedMotion.REDUCE));
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

package dev.switchboard.console;

import static com.microsoft.playwright.assertions.PlaywrightAssertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.microsoft.playwright.Locator;
import com.microsoft.playwright.Page;
import com.microsoft.playwright.WebSocket;
import com.microsoft.playwright.assertions.PlaywrightAssertions;
import com.microsoft.playwright.options.AriaRole;
import com.microsoft.playwright.options.ColorScheme;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/** An operator at Chromium, before a console, a gateway and workers that all run. */
@Tag("browser")
class BrowserIT {
  private static final int STREAMS = 2;

  /** So many that each of two replicas always has some. */
  private static final int MANY_STREAMS = 6;

  private static final int LIMIT_MS = 120_000;

  /** Counts what somebody presses with the mouse, over all pages of a tab. */
  private static final String COUNT_CLICKS =
      "addEventListener('click', e => { if (e.isTrusted && e.detail > 0)"
          + " sessionStorage.clicks = 1 + Number(sessionStorage.clicks ?? 0); }, true)";

  /** As the gateway's explanation calls the rank that the drill slows. */
  private static final String THE_RANK = "rank 0.1 of w0";

  private static final List<String> VIEWS =
      List.of(
          "/",
          "/replicas/gw/w1",
          "/requests",
          "/requests?tail=1",
          "/models",
          "/slos",
          "/playground",
          "/drills",
          "/tenants",
          "/audit",
          "/system",
          "/people",
          "/nowhere");

  /** What axe-core found before anybody could sign in. */
  private static final List<String> AT_THE_DOOR = new ArrayList<>();

  private static final Deque<AutoCloseable> OPENED = new ArrayDeque<>();

  @TempDir private static Path folder;
  private static RealSystem system;
  private static Chromium chromium;
  private static Visitor alice;

  @BeforeAll
  static void startAndSignInForTheFirstTime() throws Exception {
    PlaywrightAssertions.setDefaultAssertionTimeout(LIMIT_MS);
    system = opened(RealSystem.start(folder, 1));
    try (Load first = load()) {
      first.await(STREAMS);
    }
    chromium = opened(Chromium.start());
    alice = opened(new Visitor(chromium.visitor(system.console().url(), 1280, 900)));
    alice.page().addInitScript(COUNT_CLICKS);
    String firstRun = system.console().ready().path("first_run_url").asString("");
    alice.page().navigate(firstRun);
    Chromium.drawn(alice.page());
    lookAtBoth(new Axe(), alice.page(), "the first run", AT_THE_DOOR);
    alice.signInFirst(firstRun);
  }

  /** Only where a test needs it: the browser and the engine share two cores. */
  private static Load load() {
    return Load.start(system.gateway(), STREAMS);
  }

  private static <T extends AutoCloseable> T opened(T one) {
    OPENED.push(one);
    return one;
  }

  @AfterAll
  static void stop() throws Exception {
    while (!OPENED.isEmpty()) {
      OPENED.pop().close();
    }
  }

  /** The view of no address is a 404, as it says. */
  @AfterEach
  void theBrowserSawNoFault() {
    List<String> faults =
        alice.faults().stream().filter(fault -> !fault.contains("status of 404")).toList();
    assertEquals(List.of(), faults);
  }

  /** No dialog of a test before stands in the way. */
  @BeforeEach
  void beginAtTheFleet() {
    alice.page().emulateMedia(new Page.EmulateMediaOptions().setColorScheme(ColorScheme.LIGHT));
    alice.page().navigate("/");
    // A click before the page runs would load it anew.
    Chromium.drawn(alice.page());
  }

  @Test
  void aLoadIsSeenToRunWithoutBeingAskedFor() {
    alice.go("Fleet");
    Locator requests = tile("Requests");

    try (Load _ = load()) {
      assertThat(requests).not().hasText("–");
      assertThat(requests).not().hasText("0");
      String before = requests.innerText();
      assertThat(requests).not().hasText(before);
    }
  }

  /** Where each component was made, which Vaadin keeps for its developers, is half of the heap. */
  @Test
  void nothingIsKeptForDevelopers() throws Exception {
    assertTrue(system.console().kept("com.vaadin.flow.dom.Element") > 100);
    assertTrue(system.console().kept("java.lang.Throwable") < 50);
  }

  /** The frame and the view have one message together, and the tail of a load has no more. */
  @Test
  void thePageIsToldAtMostFourTimesASecond() {
    int seconds = 10;
    List<String> messages = new ArrayList<>();
    Consumer<WebSocket> listening =
        socket -> socket.onFrameReceived(frame -> messages.add("" + frame.text()));
    alice.page().onWebSocket(listening);
    alice.page().navigate("/requests?tail=1");
    Chromium.drawn(alice.page());
    try (Load _ = load()) {
      alice.page().locator("vaadin-grid a[href*='requests/']").first().waitFor();
      messages.clear();
      alice.page().waitForTimeout(seconds * 1000);
      int told = messages.size();
      assertTrue(told >= seconds && told <= 4 * seconds + 2, () -> told + ": " + messages);
    } finally {
      alice.page().offWebSocket(listening);
    }
  }

  private static Locator tile(String name) {
    return alice
        .page()
        .locator(".sb-tile")
        .filter(new Locator.FilterOptions().setHasText(name))
        .first()
        .locator(".sb-tile-value");
  }

  @Test
  void aSlowRankIsFoundInThreeClicksAndNamedByTheVerdictOfItsRequest() throws Exception {
    alice.go("Drills");
    alice.button("Start drill").click();
    alice.dialogField("Seconds").fill("300");
    alice.dialogField("Rank").fill("1");
    // Well above what a rank waits for a core that the browser has.
    alice.dialogField("Times as long").fill("50");
    alice.confirm("Start drill", "does anybody find it?");
    alice.go("Fleet");
    alice.page().evaluate("sessionStorage.removeItem('clicks')");
    openWhatWaited(aRequestOfTheSlowRank());
    assertEquals("3", alice.page().evaluate("sessionStorage.clicks"), "clicks from Fleet on");

    alice.go("Drills");
    alice.button("End drill").click();
    alice.confirm("End drill", "it was found");
    assertThat(alice.button("Start drill")).isEnabled();
    isInTheAudit("does anybody find it?", "it was found");
  }

  private static String aRequestOfTheSlowRank() throws Exception {
    try (Load _ = load()) {
      assertThat(alice.page().getByText("Ready, slow rank").first()).isVisible();
      alice.page().locator("vaadin-grid a[href='replicas/gw/w0']").first().click();
      assertThat(alice.page().getByText("Held up by stage 0, rank 1").first()).isVisible();
      alice.page().locator("a[href='requests?replica=w0&waited_for=0.1']").click();
      alice.page().waitForURL("**/requests?replica=w0&waited_for=0.1");
      return whatTheRankHeldUp();
    }
  }

  private static void openWhatWaited(String slow) {
    alice.page().locator("vaadin-grid a[href='requests/gw/" + slow + "']").click();
    assertThat(alice.page().locator(".sb-verdict")).containsText(THE_RANK);
    assertThat(alice.page().locator(".sb-fall-name").getByText("rank 1").first()).isVisible();
  }

  /** On a busy machine others are held up by the machine more than by the rank. */
  private static String whatTheRankHeldUp() throws Exception {
    AtomicReference<String> found = new AtomicReference<>("");
    Map<String, String> explained = new HashMap<>();
    system.await(
        "/admin/v1/requests?replica=w0&waited_for=0.1&limit=10",
        answer -> {
          for (JsonNode request : answer.path("requests")) {
            String id = request.path("id").asString("");
            if (explained.computeIfAbsent(id, system::explanation).contains(THE_RANK)) {
              found.set(id);
            }
          }
          return !found.get().isEmpty();
        });
    return found.get();
  }

  private static void isInTheAudit(String... reasons) {
    alice.go("Audit");
    for (String reason : reasons) {
      assertThat(alice.page().getByText(reason).first()).isVisible();
    }
    assertThat(alice.page().locator("vaadin-grid").getByText("alice").first()).isVisible();
  }

  @Test
  void aReplicaIsDrainedWithoutABrokenStreamAndComesBack() throws Exception {
    try (Load load = Load.start(system.gateway(), MANY_STREAMS)) {
      drainAndTakeItBack();
      load.await(STREAMS);
      assertEquals(0, load.broken());
    }
    isInTheAudit("its machine gets a new kernel", "the kernel is new");
  }

  private static void drainAndTakeItBack() throws Exception {
    alice.page().navigate("/replicas/gw/w1");
    alice.button("Drain").click();
    assertThat(alice.dialog()).containsText("1 other replica of switchboard-demo is ready");
    system.await("/admin/v1/replicas/w1", w1 -> w1.path("in_flight").asInt(0) > 0);
    alice.confirm("Drain w1", "its machine gets a new kernel");

    assertThat(state()).hasText("Drained");
    assertThat(fact("Broken").locator(".sb-fact-value")).hasText(Pattern.compile("^0 of [1-9]"));
    JsonNode drain = system.get("/admin/v1/replicas/w1").path("drain");
    assertTrue(drain.path("requests").asInt(0) > 0, drain::toString);
    alice.button("Revert: Drain w1").click();
    alice.confirm("Resume w1", "the kernel is new");
    assertThat(state()).hasText("Ready");
  }

  private static Locator state() {
    return alice.page().locator(".sb-head-title .sb-badge");
  }

  private static Locator fact(String name) {
    return alice.page().locator(".sb-fact").filter(new Locator.FilterOptions().setHasText(name));
  }

  @Test
  void aSecondModelIsLoadedAndTalkedTo() throws Exception {
    alice.go("Models");
    alice.button("Load a model").click();
    alice.dialogField("File").click();
    alice.page().getByRole(option(), named(RealSystem.SECOND_FILE)).click();
    alice.dialogField("Workers").fill("1");
    alice.dialogButton("Plan").click();
    alice.confirm("Load assistant.gguf", "a second model for the shop");
    assertThat(alice.page().getByText("1 of 1 ready")).isVisible();

    alice.go("Playground");
    alice.page().getByLabel("Make a key for an hour").click();
    alice.confirm("Make key", "to try the second model");
    alice.page().getByLabel("Model").fill("assistant");
    alice.page().getByLabel("Model").press("Enter");
    alice.page().getByRole(textbox(), named("Prompt")).fill("How do I put an item back?");
    alice.button("Send").click();

    assertThat(alice.page().locator(".sb-said").last()).containsText("assistant");
    assertThat(alice.page().getByText("Open the request")).isVisible();
    assertThat(fact("Tokens")).containsText("generated");
    List<String> found = new ArrayList<>();
    lookAtBoth(new Axe(), alice.page(), "an answer in the playground", found);
    assertEquals(List.of(), found, () -> String.join("\n", found));
    isInTheAudit("a second model for the shop", "to try the second model");
  }

  private static AriaRole option() {
    return AriaRole.OPTION;
  }

  private static AriaRole textbox() {
    return AriaRole.TEXTBOX;
  }

  private static Page.GetByRoleOptions named(String name) {
    return new Page.GetByRoleOptions().setName(name).setExact(true);
  }

  @Test
  void noViewHindersAnybodySeriouslyInLightOrDark() throws Exception {
    Axe axe = new Axe();
    List<String> found = new ArrayList<>();
    for (String view : viewsAndARequest()) {
      alice.page().navigate(view);
      Chromium.drawn(alice.page());
      lookAtBoth(axe, alice.page(), view, found);
    }
    alice.page().navigate("/replicas/gw/w1");
    alice.button("Drain").click();
    lookAtBoth(axe, alice.page(), "the dialog of a drain", found);

    assertEquals(List.of(), found, () -> String.join("\n", found));
  }

  @Test
  void noDoorHindersAnybodySeriously() throws Exception {
    List<String> found = new ArrayList<>(AT_THE_DOOR);
    try (Visitor nobody = new Visitor(chromium.visitor(system.console().url(), 1280, 900))) {
      nobody.page().navigate("/sign-in");
      nobody.button("Sign in").waitFor();
      lookAtBoth(new Axe(), nobody.page(), "the sign-in", found);
    }

    assertEquals(List.of(), found, () -> String.join("\n", found));
  }

  @Test
  void noFormHindersAnybodySeriously() throws Exception {
    Axe axe = new Axe();
    List<String> found = new ArrayList<>();

    alice.go("Models");
    alice.button("Load a model").click();
    alice.dialogField("File").click();
    alice.page().getByRole(option(), named(RealSystem.SECOND_FILE)).click();
    alice.dialogField("Name").fill("looked-at");
    alice.dialogField("Workers").fill("1");
    lookAtBoth(axe, alice.page(), "load a model", found);
    alice.dialogButton("Plan").click();
    alice.dialogButton("Load looked-at").waitFor();
    lookAtBoth(axe, alice.page(), "the plan of a load", found);

    alice.page().navigate("/slos");
    alice.button("Change class interactive").click();
    alice.dialogField("First token, ms").fill("200");
    alice.dialogButton("Preview").click();
    assertThat(alice.dialog()).containsText("First token: 120 ms → 200 ms");
    lookAtBoth(axe, alice.page(), "the preview of a class", found);

    alice.page().navigate("/tenants");
    alice.button("Create key").click();
    alice.dialogField("Name").fill("looked-at");
    lookAtBoth(axe, alice.page(), "a new key", found);
    alice.confirm("Create key", "to look at its secret");
    assertThat(alice.dialog()).containsText("It is shown this once");
    lookAtBoth(axe, alice.page(), "a secret", found);

    assertEquals(List.of(), found, () -> String.join("\n", found));
  }

  private static void lookAtBoth(Axe axe, Page page, String where, List<String> found) {
    for (ColorScheme scheme : List.of(ColorScheme.LIGHT, ColorScheme.DARK)) {
      page.emulateMedia(new Page.EmulateMediaOptions().setColorScheme(scheme));
      for (String each : axe.serious(page)) {
        found.add(where + " " + scheme + " " + each);
      }
    }
  }

  private static List<String> viewsAndARequest() throws Exception {
    JsonNode requests =
        system.await("/admin/v1/requests?limit=2", r -> r.path("requests").size() == 2);
    String first = requests.path("requests").path(0).path("id").asString("");
    String second = requests.path("requests").path(1).path("id").asString("");
    List<String> views = new ArrayList<>(VIEWS);
    views.add("/requests/gw/" + first);
    views.add("/compare/gw/" + first + "/" + second);
    return views;
  }
}

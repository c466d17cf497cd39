package dev.switchboard.console;

import com.google.gson.JsonObject;
import com.microsoft.playwright.Page;
import com.microsoft.playwright.options.AriaRole;
import com.microsoft.playwright.options.ColorScheme;
import dev.switchboard.console.api.ApiFailure;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;
import tools.jackson.databind.JsonNode;

/**
 * Makes pictures of all views, light and dark, at 1280 and 1920 pixels, of a real system in which
 * something happens: load, a slow rank, a drain, a drill that is over; of dialogs; of a drain that
 * goes on, a lost gateway, and a fleet that no test machine has.
 */
final class Screenshots {
  private static final int STREAMS = 4;
  private static final int LONG_TOKENS = 1500;
  private static final int QUALITY = 72;
  private static final int PIXELS_HIGH_MOST = 8000;
  private static final int LATE_READ = 50;
  private static final String PERSON = "carol";

  /** Among the names of views: whole pages too, beyond what fits a window. */
  private static final String WHOLE = "whole";

  /** As the gateway's explanation calls the rank that the drill slows. */
  private static final String THE_RANK = "rank 1.1 of w0";

  private static final View FIRST_RUN = new View("first-run", "", _ -> {});
  private static final View SIGN_IN = new View("sign-in", "/sign-in", _ -> {});
  private static final View DRAINING = new View("draining", "/replicas/gw/w0", _ -> {});
  private static final View LOST =
      new View("lost", "/", v -> v.page().getByText("last seen").first().waitFor());

  /** Before a gateway that answers by a script. */
  private static final List<View> SCRIPTED =
      List.of(
          new View("fleet-500", "/", _ -> {}),
          new View("replica-64", "/replicas/gw/r007", _ -> {}),
          new View("tail-10000", "/requests?tail=1", v -> v.page().waitForTimeout(3000)));

  private final Visitor visitor;
  private final Path folder;
  private final List<String> only;
  private final boolean whole;

  /** A view, and what is done there before its picture is taken. */
  private record View(String name, String path, Consumer<Visitor> before) {}

  private Screenshots(Visitor visitor, Path folder, List<String> arguments) {
    this.visitor = visitor;
    this.folder = folder;
    this.only = arguments.stream().filter(each -> !each.equals(WHOLE)).toList();
    this.whole = arguments.contains(WHOLE);
  }

  /**
   * Arguments: the folder of the pictures, seconds of load before them, names of views where not
   * all are wanted, and {@value #WHOLE} for whole pages beside.
   */
  public static void main(String[] arguments) throws Exception {
    Path folder = Files.createDirectories(Path.of(arguments[0]));
    int seconds = Integer.parseInt(arguments[1]);
    List<String> rest = List.of(arguments).subList(2, arguments.length);
    List<String> ofScript = SCRIPTED.stream().map(View::name).toList();
    List<String> names = rest.stream().filter(each -> !each.equals(WHOLE)).toList();
    Path state = Files.createTempDirectory("switchboard-screenshots");
    try (Chromium chromium = Chromium.start()) {
      if (names.isEmpty() || !ofScript.containsAll(names)) {
        real(chromium, state.resolve("real"), folder, seconds, rest);
      }
      if (names.isEmpty() || names.stream().anyMatch(ofScript::contains)) {
        scripted(chromium, state.resolve("scripted"), folder, rest);
      }
    }
  }

  private static Visitor visitor(Chromium chromium, ConsoleProcess console) {
    return new Visitor(chromium.visitor(console.url(), 1280, 900));
  }

  private static String firstRun(ConsoleProcess console) {
    return console.ready().path("first_run_url").asString("");
  }

  private static void real(
      Chromium chromium, Path state, Path folder, int seconds, List<String> rest) throws Exception {
    try (RealSystem system = RealSystem.start(state, 2);
        Load _ = Load.start(system.gateway(), STREAMS);
        Visitor visitor = visitor(chromium, system.console());
        Visitor nobody = visitor(chromium, system.console())) {
      happen(system, seconds);
      Screenshots shots = new Screenshots(visitor, folder, rest);
      shots.takeFirstRun(firstRun(system.console()));
      shots.takeAll(views(system));
      new Screenshots(nobody, folder, rest).takeAll(List.of(SIGN_IN));
      shots.takeDraining(system);
      shots.takeLost(system);
      visitor.faults().forEach(fault -> System.err.println("browser: " + fault));
    }
  }

  private static void scripted(Chromium chromium, Path state, Path folder, List<String> rest)
      throws Exception {
    try (ScriptedGateway gateway = new ScriptedGateway();
        ConsoleProcess console = ConsoleProcess.start(state, gateway.admin());
        Visitor visitor = visitor(chromium, console)) {
      visitor.signInFirst(firstRun(console));
      new Screenshots(visitor, folder, rest).takeAll(SCRIPTED);
    }
  }

  private static void happen(RealSystem system, int seconds) throws Exception {
    change(
        system, "PUT", "/admin/v1/tenants/shop", "{\"requests_per_minute\":6000}", "season's end");
    change(
        system,
        "PUT",
        "/admin/v1/splits/assistant",
        "{\"targets\":[{\"model\":\"switchboard-demo\",\"weight\":1}]}",
        "a name for clients");
    change(
        system,
        "POST",
        "/admin/v1/keys",
        "{\"name\":\"search-service\",\"tenant\":\"search\",\"role\":\"app\"}",
        "a client of search");
    change(system, "POST", "/admin/v1/replicas/w1/drain", "{}", "kernel update of its machine");
    replica(system, "w1", "DRAINED");
    change(system, "POST", "/admin/v1/replicas/w1/resume", "", "the update is done");
    replica(system, "w1", "READY");
    drill(system, "w1", "{\"kind\":\"fail-steps\",\"duration_ms\":3000}");
    system.await("/admin/v1/drills", d -> d.path("drills").path(0).path("ended_at").isString());
    replica(system, "w1", "READY");
    Thread.sleep(seconds * 1000L);
    drill(
        system,
        "w0",
        "{\"kind\":\"slow-rank\",\"duration_ms\":600000,\"stage\":1,\"rank\":1,\"factor\":50}");
    system.await("/admin/v1/replicas", r -> r.toString().contains("\"stragglers\":[{"));
    Thread.sleep(20_000);
  }

  private static void drill(RealSystem system, String replica, String body) throws ApiFailure {
    change(system, "POST", "/admin/v1/replicas/" + replica + "/drill", body, "game day");
  }

  private static void replica(RealSystem system, String id, String state) throws Exception {
    system.await("/admin/v1/replicas/" + id, r -> r.path("state").asString("").equals(state));
  }

  private static void change(
      RealSystem system, String method, String path, String body, String reason) throws ApiFailure {
    system.change(PERSON, method, path, body, reason);
  }

  private void takeFirstRun(String address) throws IOException {
    visitor.page().navigate(address);
    Chromium.drawn(visitor.page());
    visitor.page().waitForTimeout(1000);
    if (wanted(FIRST_RUN)) {
      take(FIRST_RUN.name(), 1280, ColorScheme.LIGHT);
    }
    visitor.signInFirst(address);
  }

  private void takeAll(List<View> views) throws IOException {
    for (int width : List.of(1280, 1920)) {
      for (ColorScheme scheme : List.of(ColorScheme.LIGHT, ColorScheme.DARK)) {
        for (View view : views) {
          if (wanted(view)) {
            take(view, width, scheme);
          }
        }
      }
    }
  }

  private boolean wanted(View view) {
    return only.isEmpty() || only.contains(view.name());
  }

  /**
   * Two requests that waited for the slow rank, those whose explanation names it before others: on
   * a busy machine the machine holds most of them up.
   */
  private static List<String> late(RealSystem system) throws Exception {
    JsonNode answer =
        system.await(
            "/admin/v1/requests?replica=w0&waited_for=1.1&limit=" + LATE_READ,
            read -> read.path("requests").size() >= 2);
    List<String> late = new ArrayList<>();
    for (JsonNode request : answer.path("requests")) {
      String id = request.path("id").asString("");
      late.add(system.explanation(id).contains(THE_RANK) ? 0 : late.size(), id);
    }
    if (!system.explanation(late.getFirst()).contains(THE_RANK)) {
      System.err.println("no explanation names " + THE_RANK + ": take them on a quiet machine");
    }
    return List.of(late.get(0), late.get(1));
  }

  private static List<View> views(RealSystem system) throws Exception {
    List<String> late = late(system);
    List<View> views = new ArrayList<>();
    views.add(new View("fleet", "/", _ -> {}));
    views.add(new View("past", "/", Screenshots::aMinuteAgo));
    views.add(new View("replica", "/replicas/gw/w0", _ -> {}));
    views.add(new View("drain", "/replicas/gw/w1", v -> v.button("Drain").click()));
    views.add(new View("requests", "/requests", _ -> {}));
    views.add(new View("tail", "/requests?tail=1", _ -> {}));
    views.add(new View("request", "/requests/gw/" + late.getFirst(), _ -> {}));
    String both = late.getFirst() + "/" + late.getLast();
    views.add(new View("compare", "/compare/gw/" + both, _ -> {}));
    views.add(new View("models", "/models", _ -> {}));
    views.add(new View("load-model", "/models", Screenshots::chosen));
    views.add(new View("load-plan", "/models", Screenshots::planned));
    views.add(new View("split-diff", "/models", Screenshots::split));
    views.add(new View("slos", "/slos", _ -> {}));
    views.add(new View("slo-preview", "/slos", Screenshots::previewed));
    views.add(new View("playground", "/playground", Screenshots::chatted));
    views.add(new View("drills", "/drills", _ -> {}));
    views.add(new View("end-drill", "/drills", v -> v.button("End drill").click()));
    views.add(new View("tenants", "/tenants", _ -> {}));
    views.add(new View("audit", "/audit", _ -> {}));
    views.add(new View("system", "/system", _ -> {}));
    views.add(new View("people", "/people", _ -> {}));
    return views;
  }

  private static void aMinuteAgo(Visitor visitor) {
    visitor
        .page()
        .locator(".sb-time input")
        .evaluate("e => { e.value = -1; e.dispatchEvent(new Event('change')); }");
    visitor.button("Back to now").waitFor();
  }

  private static void chosen(Visitor visitor) {
    visitor.button("Load a model").click();
    visitor.dialog().getByLabel("File").click();
    visitor.page().locator("vaadin-combo-box-item").first().click();
  }

  private static void planned(Visitor visitor) {
    chosen(visitor);
    visitor.dialogButton("Plan").click();
    visitor.dialogField("Reason").waitFor();
  }

  private static void split(Visitor visitor) {
    visitor.button("Change assistant").click();
    visitor.dialogField("Policy").fill("least-loaded");
    visitor.dialogField("Shadow policy").fill("slo");
    visitor.dialogField("Reason").click();
  }

  private static void previewed(Visitor visitor) {
    visitor.button("Change class interactive").click();
    visitor.dialogField("First token, ms").fill("80");
    visitor.dialogButton("Preview").click();
    visitor.dialogField("Reason").waitFor();
  }

  private static void chatted(Visitor visitor) {
    visitor.page().getByLabel("API key").fill(RealGateway.APP_KEY);
    visitor
        .page()
        .getByRole(AriaRole.TEXTBOX, new Page.GetByRoleOptions().setName("Prompt").setExact(true))
        .fill("Payment of 840 EUR at a shop in Brazil, 7 payments in the last hour, new device");
    visitor.button("Send").click();
    visitor.page().getByText("Open the request").waitFor();
  }

  /** Long answers at a slow replica, whose only peer takes none, hold its drain up. */
  private void takeDraining(RealSystem system) throws Exception {
    if (!wanted(DRAINING)) {
      return;
    }
    change(system, "POST", "/admin/v1/replicas/w1/cordon", "", "so that no stream can move");
    try (Load _ = Load.endless(system.gateway(), STREAMS, LONG_TOKENS)) {
      system.await("/admin/v1/replicas/w0", r -> r.path("in_flight").asInt(0) >= STREAMS);
      change(system, "POST", "/admin/v1/replicas/w0/drain", "{}", "its disk is failing");
      replica(system, "w0", "DRAINING");
      takeAll(List.of(DRAINING));
    }
  }

  private void takeLost(RealSystem system) throws IOException {
    if (wanted(LOST)) {
      system.gateway().close();
      takeAll(List.of(LOST));
    }
  }

  private void take(View view, int width, ColorScheme scheme) throws IOException {
    Page page = visitor.page();
    page.setViewportSize(width, width == 1280 ? 900 : 1080);
    page.emulateMedia(new Page.EmulateMediaOptions().setColorScheme(scheme));
    page.navigate(view.path());
    Chromium.drawn(page);
    view.before().accept(visitor);
    page.waitForTimeout(2500);
    List<String> failures = page.locator(".sb-failure:visible").allInnerTexts();
    if (!failures.isEmpty() && !view.equals(LOST)) {
      throw new IllegalStateException(view.name() + " at " + width + " shows " + failures);
    }
    take(view.name(), width, scheme);
  }

  private void take(String name, int width, ColorScheme scheme) throws IOException {
    String file = name + "-" + scheme.name().toLowerCase(Locale.ROOT) + "-" + width;
    capture(file, new JsonObject());
    if (whole) {
      JsonObject beyond = new JsonObject();
      beyond.addProperty("captureBeyondViewport", true);
      beyond.add("clip", wholePage(width));
      capture(file + "-whole", beyond);
    }
  }

  private JsonObject wholePage(int width) {
    Number high = (Number) visitor.page().evaluate("document.documentElement.scrollHeight");
    JsonObject clip = new JsonObject();
    clip.addProperty("x", 0);
    clip.addProperty("y", 0);
    clip.addProperty("width", width);
    clip.addProperty("height", Math.min(high.intValue(), PIXELS_HIGH_MOST));
    clip.addProperty("scale", 1);
    return clip;
  }

  private void capture(String file, JsonObject wanted) throws IOException {
    wanted.addProperty("format", "webp");
    wanted.addProperty("quality", QUALITY);
    var session = visitor.page().context().newCDPSession(visitor.page());
    String data = session.send("Page.captureScreenshot", wanted).get("data").getAsString();
    session.detach();
    Files.write(folder.resolve(file + ".webp"), Base64.getDecoder().decode(data));
  }
}

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
 * something happens: load, a slow rank, a drain, a drill that is over.
 */
final class Screenshots {
  private static final int STREAMS = 4;
  private static final int QUALITY = 72;
  private static final String PERSON = "carol";

  private final RealSystem system;
  private final Visitor visitor;
  private final Path folder;
  private final List<String> only;

  /** A view, and what is done there before its picture is taken. */
  private record View(String name, String path, Consumer<Visitor> before) {}

  private Screenshots(RealSystem system, Visitor visitor, Path folder, List<String> only) {
    this.system = system;
    this.visitor = visitor;
    this.folder = folder;
    this.only = only;
  }

  /**
   * Arguments: the folder of the pictures, seconds of load before them, and names of views where
   * not all are wanted.
   */
  public static void main(String[] arguments) throws Exception {
    Path folder = Files.createDirectories(Path.of(arguments[0]));
    int seconds = Integer.parseInt(arguments[1]);
    List<String> only = List.of(arguments).subList(2, arguments.length);
    Path state = Files.createTempDirectory("switchboard-screenshots");
    try (RealSystem system = RealSystem.start(state, 2);
        Load _ = Load.start(system.gateway(), STREAMS);
        Chromium chromium = Chromium.start();
        Visitor visitor = new Visitor(chromium.visitor(system.console().url(), 1280, 900))) {
      Screenshots shots = new Screenshots(system, visitor, folder, only);
      shots.happen(seconds);
      shots.takeAll();
      visitor.faults().forEach(fault -> System.err.println("browser: " + fault));
    }
  }

  private void happen(int seconds) throws Exception {
    change("PUT", "/admin/v1/tenants/shop", "{\"requests_per_minute\":6000}", "season's end");
    change(
        "PUT",
        "/admin/v1/splits/assistant",
        "{\"targets\":[{\"model\":\"switchboard-demo\",\"weight\":1}]}",
        "a name for clients");
    change(
        "POST",
        "/admin/v1/keys",
        "{\"name\":\"search-service\",\"tenant\":\"search\",\"role\":\"app\"}",
        "a client of search");
    change("POST", "/admin/v1/replicas/w1/drain", "{}", "kernel update of its machine");
    replica("w1", "DRAINED");
    change("POST", "/admin/v1/replicas/w1/resume", "", "the update is done");
    replica("w1", "READY");
    drill("w1", "{\"kind\":\"fail-steps\",\"duration_ms\":3000}");
    system.await("/admin/v1/drills", d -> d.path("drills").path(0).path("ended_at").isString());
    replica("w1", "READY");
    Thread.sleep(seconds * 1000L);
    drill(
        "w0",
        "{\"kind\":\"slow-rank\",\"duration_ms\":600000,\"stage\":1,\"rank\":1,\"factor\":50}");
    system.await("/admin/v1/replicas", r -> r.toString().contains("\"stragglers\":[{"));
    Thread.sleep(20_000);
  }

  private void drill(String replica, String body) throws ApiFailure {
    change("POST", "/admin/v1/replicas/" + replica + "/drill", body, "game day");
  }

  private void replica(String id, String state) throws Exception {
    system.await("/admin/v1/replicas/" + id, r -> r.path("state").asString("").equals(state));
  }

  private void change(String method, String path, String body, String reason) throws ApiFailure {
    system.change(PERSON, method, path, body, reason);
  }

  private void takeAll() throws Exception {
    String firstRun = system.console().ready().path("first_run_url").asString("");
    visitor.page().navigate(firstRun);
    Chromium.drawn(visitor.page());
    visitor.page().waitForTimeout(1000);
    if (wanted("first-run")) {
      take("first-run", 1280, ColorScheme.LIGHT);
    }
    visitor.signInFirst(firstRun);
    List<View> views = views().stream().filter(view -> wanted(view.name())).toList();
    for (int width : List.of(1280, 1920)) {
      for (ColorScheme scheme : List.of(ColorScheme.LIGHT, ColorScheme.DARK)) {
        for (View view : views) {
          take(view, width, scheme);
        }
      }
    }
  }

  private boolean wanted(String view) {
    return only.isEmpty() || only.contains(view);
  }

  private List<View> views() throws Exception {
    JsonNode late =
        system.await(
            "/admin/v1/requests?replica=w0&waited_for=1.1&limit=2",
            r -> r.path("requests").size() == 2);
    String first = late.path("requests").path(0).path("id").asString("");
    String second = late.path("requests").path(1).path("id").asString("");
    List<View> views = new ArrayList<>();
    views.add(new View("fleet", "/", _ -> {}));
    views.add(new View("replica", "/replicas/gw/w0", _ -> {}));
    views.add(new View("drain", "/replicas/gw/w0", v -> v.button("Drain").click()));
    views.add(new View("requests", "/requests", _ -> {}));
    views.add(new View("tail", "/requests?tail=1", _ -> {}));
    views.add(new View("request", "/requests/gw/" + first, _ -> {}));
    views.add(new View("compare", "/compare/gw/" + first + "/" + second, _ -> {}));
    views.add(new View("models", "/models", _ -> {}));
    views.add(new View("load-model", "/models", Screenshots::planned));
    views.add(new View("slos", "/slos", _ -> {}));
    views.add(new View("playground", "/playground", Screenshots::chatted));
    views.add(new View("drills", "/drills", _ -> {}));
    views.add(new View("end-drill", "/drills", v -> v.button("End drill").click()));
    views.add(new View("tenants", "/tenants", _ -> {}));
    views.add(new View("audit", "/audit", _ -> {}));
    views.add(new View("system", "/system", _ -> {}));
    views.add(new View("people", "/people", _ -> {}));
    return views;
  }

  private static void planned(Visitor visitor) {
    visitor.button("Load a model").click();
    visitor.dialog().getByLabel("File").click();
    visitor.page().locator("vaadin-combo-box-item").first().click();
  }

  private static void chatted(Visitor visitor) {
    visitor.page().getByLabel("API key").fill(RealGateway.APP_KEY);
    visitor
        .page()
        .getByRole(AriaRole.TEXTBOX, new Page.GetByRoleOptions().setName("Prompt").setExact(true))
        .fill("How do I put an item back?");
    visitor.button("Send").click();
    visitor.page().getByText("Open the request").waitFor();
  }

  private void take(View view, int width, ColorScheme scheme) throws IOException {
    Page page = visitor.page();
    page.setViewportSize(width, width == 1280 ? 900 : 1080);
    page.emulateMedia(new Page.EmulateMediaOptions().setColorScheme(scheme));
    page.navigate(view.path());
    Chromium.drawn(page);
    view.before().accept(visitor);
    page.waitForTimeout(2500);
    take(view.name(), width, scheme);
  }

  private void take(String name, int width, ColorScheme scheme) throws IOException {
    if (visitor.page().locator(".sb-failure:visible").count() > 0) {
      throw new IllegalStateException(name + " at " + width + " shows a failure");
    }
    String file = name + "-" + scheme.name().toLowerCase(Locale.ROOT) + "-" + width;
    JsonObject wanted = new JsonObject();
    wanted.addProperty("format", "webp");
    wanted.addProperty("quality", QUALITY);
    var session = visitor.page().context().newCDPSession(visitor.page());
    String data = session.send("Page.captureScreenshot", wanted).get("data").getAsString();
    session.detach();
    Files.write(folder.resolve(file + ".webp"), Base64.getDecoder().decode(data));
  }
}

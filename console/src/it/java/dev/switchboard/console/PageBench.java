package dev.switchboard.console;

import com.microsoft.playwright.Page;
import com.microsoft.playwright.options.WaitUntilState;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * What a page of 500 replicas of 64 ranks takes in the browser, with 10,000 requests a second in
 * the tail, before a scripted gateway; and what 50 sessions cost a real one.
 */
final class PageBench {
  private static final int SESSIONS = 50;
  private static final int TRIES = 9;
  private static final long WATCH_MS = 10_000;
  private static final Duration WATCH = Duration.ofSeconds(40);
  private static final int STREAMS = 4;
  private static final long EACH_EVERY_MS = 500;

  /** Of the windows that only have to be there: what they draw is no matter here. */
  private static final int[] SMALL = {480, 360};

  private static final Page.NavigateOptions AT_ONCE =
      new Page.NavigateOptions().setWaitUntil(WaitUntilState.COMMIT);

  /** Of the sessions so many follow the tail. */
  private static final int TAILS = 10;

  private static final double UP_SECONDS_MOST = 12;
  private static final double RESIDENT_MB_MOST = 250;

  /** All of the heap, which it takes before it collects, and what is not heap. */
  private static final double RESIDENT_MB_MOST_WITH_SESSIONS = 280;

  private static final double SETTLE_MS = 5000;
  private static final double PAINT_MS_MOST = 1000;
  private static final double TASK_MS_MOST = 100;

  /** Until what came last is drawn, charts among it. */
  private static final int WHOLE_MS = 1000;

  private static final double PUSH_MS_MOST = 500;
  private static final double GATEWAY_SHARE_MOST = 0.01;

  /** Mean over least of many short loops: 1 where nobody else wants the processor. */
  private static final String CROWD =
      "(() => { const times = []; for (let i = 0; i < 300; i++) { const at = performance.now(); let"
          + " x = 0; for (let j = 0; j < 3e6; j++) x += j % 7; times.push(performance.now() - at +"
          + " x * 0); } return times.reduce((a, b) => a + b) / 300 / Math.min(...times); })()";

  private boolean failed;

  private PageBench() {}

  /**
   * Arguments: page, sessions, up, or all where there is none. Ends with status 1 where a number is
   * above what it may be.
   */
  public static void main(String[] arguments) throws Exception {
    PageBench bench = new PageBench();
    Path folder = Files.createTempDirectory("switchboard-page-bench");
    List<String> parts =
        arguments.length == 0 ? List.of("page", "sessions", "up") : List.of(arguments);
    if (parts.contains("page")) {
      bench.page(folder.resolve("scripted"));
    }
    if (parts.contains("sessions")) {
      bench.sessions(folder.resolve("real"));
    }
    if (parts.contains("up")) {
      bench.up(Path.of(System.getProperty("switchboard.home")));
    }
    System.exit(bench.failed ? 1 : 0);
  }

  private void say(String what, double value, double most, String unit) {
    boolean over = value > most;
    failed |= over;
    System.out.printf(
        Locale.ROOT,
        "%-58s %8.3g %s of %.3g%s%n",
        what,
        value,
        unit,
        most,
        over ? "  TOO MUCH" : "");
  }

  private void page(Path folder) throws Exception {
    try (ScriptedGateway gateway = new ScriptedGateway();
        ConsoleProcess console = ConsoleProcess.start(folder, gateway.admin());
        Chromium chromium = Chromium.start();
        Visitor visitor = new Visitor(chromium.visitor(console.url(), 1280, 900))) {
      visitor.signInFirst(console.ready().path("first_run_url").asString(""));
      System.out.printf(
          Locale.ROOT,
          "A short computation takes %.1f times as long as on an idle machine%n",
          number(visitor.page(), CROWD));
      look(chromium, visitor.page(), "/", "Fleet, 500 replicas");
      look(chromium, visitor.page(), "/replicas/gw/r007", "Replica, 64 ranks");
      look(chromium, visitor.page(), "/requests?tail=1", "Tail of 10,000 requests/s");
      push(visitor.page(), gateway);
      sayResident(
          "Console after pages of 500 replicas of 64 ranks: resident",
          console.pid(),
          RESIDENT_MB_MOST);
    }
  }

  private void sayResident(String what, long pid, double most) throws IOException {
    for (String line : Files.readAllLines(Path.of("/proc/" + pid + "/status"))) {
      if (line.startsWith("VmRSS:")) {
        say(what, Long.parseLong(line.replaceAll("\\D", "")) / 1024.0, most, "MB");
      }
    }
  }

  private void look(Chromium chromium, Page page, String path, String what) throws IOException {
    double[] paints = new double[TRIES];
    double[] longest = new double[TRIES];
    double[] onProcessor = new double[TRIES];
    // The first load is the one at which the console compiles the view.
    page.navigate(path);
    Chromium.drawn(page);
    for (int i = 0; i < TRIES; i++) {
      chromium.trace(page);
      page.navigate(path);
      Chromium.drawn(page);
      paints[i] =
          number(page, "performance.getEntriesByName('first-contentful-paint')[0].startTime");
      page.waitForTimeout(WHOLE_MS);
      TaskTrace trace = chromium.traced();
      longest[i] = trace.longestMs();
      onProcessor[i] = trace.longestOnProcessorMs();
    }
    chromium.trace(page);
    page.waitForTimeout(WATCH_MS);
    TaskTrace live = chromium.traced();
    Arrays.sort(paints);
    Arrays.sort(longest);
    Arrays.sort(onProcessor);
    say(what + ": first paint, warm, median", paints[TRIES / 2], PAINT_MS_MOST, "ms");
    say(what + ": longest task of a load, median", longest[TRIES / 2], TASK_MS_MOST, "ms");
    say(what + ": longest task of all loads", longest[TRIES - 1], TASK_MS_MOST, "ms");
    say(what + ": the same on a processor", onProcessor[TRIES - 1], TASK_MS_MOST, "ms");
    say(what + ": longest task of 10 s live", live.longestMs(), TASK_MS_MOST, "ms");
  }

  private static double number(Page page, String expression) {
    return ((Number) page.evaluate(expression)).doubleValue();
  }

  /** From a change at the gateway to the text in the page. */
  private void push(Page page, ScriptedGateway gateway) {
    page.navigate("/");
    Chromium.drawn(page);
    double[] times = new double[TRIES];
    for (int i = 0; i < TRIES; i++) {
      String replica = String.format(Locale.ROOT, "r%03d: cordoned", i);
      page.evaluate(
          "text => { window.sbSeen = 0; const look = () => { if (document.body.textContent"
              + ".includes(text)) window.sbSeen = Date.now(); else requestAnimationFrame(look); };"
              + " look(); }",
          replica);
      long at = Instant.now().toEpochMilli();
      gateway.cordon(i);
      page.waitForFunction("window.sbSeen > 0");
      times[i] = number(page, "window.sbSeen") - at;
    }
    Arrays.sort(times);
    say("Push: from the gateway's event to the page, median", times[TRIES / 2], PUSH_MS_MOST, "ms");
    say("Push: the slowest of " + TRIES, times[TRIES - 1], PUSH_MS_MOST, "ms");
  }

  /** Under load, with sessions at all the views that ask for most. */
  private void sessions(Path folder) throws Exception {
    try (RealSystem system = RealSystem.start(folder, 1);
        Load load = Load.paced(system.gateway(), STREAMS, EACH_EVERY_MS);
        Chromium chromium = Chromium.start();
        Visitor first = new Visitor(chromium.visitor(system.console().url(), 1280, 900))) {
      first.signInFirst(system.console().ready().path("first_run_url").asString(""));
      load.await(STREAMS);
      String request =
          system.get("/admin/v1/requests?limit=1").path("requests").path(0).path("id").asString("");
      List<String> views = List.of("/", "/replicas/gw/w0", "/requests/gw/" + request);
      // All sign in before any looks: a browser that draws fifty pages is slow at everything else.
      List<Page> others = new ArrayList<>();
      for (int i = 1; i < SESSIONS; i++) {
        Page page = chromium.visitor(system.console().url(), SMALL[0], SMALL[1]).newPage();
        others.add(page);
        Visitor.signIn(page);
        page.navigate("/none");
        if (i % 10 == 0) {
          System.out.println(i + " sessions");
        }
      }
      for (int i = 1; i < SESSIONS; i++) {
        String view = i <= TAILS ? "/requests?tail=1" : views.get(i % views.size());
        others.get(i - 1).navigate(view, AT_ONCE);
      }
      first.page().waitForTimeout(SETTLE_MS);
      double all = share(system, first.page());
      sayResident(
          "Console with " + SESSIONS + " sessions: resident",
          system.console().pid(),
          RESIDENT_MB_MOST_WITH_SESSIONS);
      others.forEach(page -> page.context().close());
      // Last, when the gateway's code is compiled and the other sessions are over.
      first.page().waitForTimeout(SETTLE_MS);
      double one = shareBesideOthers(system, first.page());
      System.out.printf(
          Locale.ROOT,
          "Gateway's share of a core at %d requests/s: %.4f with 1 session, %.4f with %d%n",
          STREAMS * 1000 / EACH_EVERY_MS,
          one,
          all,
          SESSIONS);
      say(SESSIONS + " sessions: more of a core at the gateway", all - one, GATEWAY_SHARE_MOST, "");
    }
  }

  /**
   * While all cores and their caches are as busy as fifty drawing pages make them: the same work
   * takes more processor time then, and that is not what sessions cost.
   */
  private static double shareBesideOthers(RealSystem system, Page page) throws Exception {
    AtomicBoolean over = new AtomicBoolean();
    List<Thread> others = new ArrayList<>();
    for (int i = 0; i < Runtime.getRuntime().availableProcessors(); i++) {
      others.add(Thread.ofPlatform().daemon().start(() -> walk(over)));
    }
    try {
      return share(system, page);
    } finally {
      over.set(true);
      for (Thread other : others) {
        other.join();
      }
    }
  }

  private static void walk(AtomicBoolean over) {
    long[] memory = new long[1 << 21];
    while (!over.get()) {
      for (int i = 0; i < memory.length; i++) {
        memory[i] += i;
      }
    }
  }

  /** From the built state to a console that answers, as anybody starts it. */
  private void up(Path home) throws Exception {
    Path pid = home.resolve(".switchboard/run/console.pid");
    if (Files.exists(pid)) {
      throw new IllegalStateException("a console of this checkout runs: ./switchboard down first");
    }
    long begun = System.nanoTime();
    launcher(home, "up", "-d");
    try {
      say(
          "up -d until the console answers",
          (System.nanoTime() - begun) / 1e9,
          UP_SECONDS_MOST,
          "s");
      sayResident(
          "Console then: resident",
          Long.parseLong(Files.readString(pid).strip()),
          RESIDENT_MB_MOST);
    } finally {
      launcher(home, "down");
    }
  }

  private static void launcher(Path home, String... arguments) throws Exception {
    List<String> command = new ArrayList<>(List.of(home.resolve("switchboard").toString()));
    command.addAll(List.of(arguments));
    Process process = new ProcessBuilder(command).inheritIO().start();
    if (process.waitFor() != 0) {
      throw new IllegalStateException(String.join(" ", command) + " failed");
    }
  }

  private static double share(RealSystem system, Page page) {
    Duration before = system.gateway().processorTime();
    page.waitForTimeout((double) WATCH.toMillis());
    Duration taken = system.gateway().processorTime().minus(before);
    return (double) taken.toNanos() / WATCH.toNanos();
  }
}

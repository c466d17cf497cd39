package dev.switchboard.console.requests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.vaadin.flow.component.button.Button;
import com.vaadin.flow.component.checkbox.Checkbox;
import com.vaadin.flow.component.grid.Grid;
import com.vaadin.flow.component.html.Anchor;
import com.vaadin.flow.server.VaadinSession;
import dev.switchboard.console.action.Change;
import dev.switchboard.console.action.Result;
import dev.switchboard.console.api.FakeGateway;
import dev.switchboard.console.api.Role;
import dev.switchboard.console.ui.ConsoleViewTest;
import dev.switchboard.console.ui.Services;
import dev.switchboard.testing.Await;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Instant;
import java.time.InstantSource;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

class RequestsViewTest extends ConsoleViewTest {
  private static final int CANCEL = 9;
  private static final Instant NOW = Instant.parse("2026-01-01T10:00:30Z");

  @BeforeEach
  void signInAsViewer() {
    as(Role.VIEWER);
  }

  @Test
  void listsRequests() {
    go("requests");
    Await.until(
        () ->
            gateway().shared(new Filters("gw", Map.of()).path(200, "", Instant.now())).answer()
                != null);
    go("audit");

    go("requests");

    Grid<?> grid =
        find(Grid.class).all().stream()
            .filter(g -> "Requests".equals(g.getElement().getAttribute("aria-label")))
            .findFirst()
            .orElseThrow();
    assertEquals(5, grid.getListDataView().getItemCount());
  }

  @Test
  void filtersOfTheAddressAreAskedOfTheGateway() {
    go("requests", "class=interactive&slo=missed&waited_for=0.1&evil=1");

    Await.until(() -> fake.calls().stream().anyMatch(c -> c.path().contains("waited_for=0.1")));
    String path =
        fake.calls().stream()
            .map(call -> call.path())
            .filter(each -> each.contains("waited_for"))
            .findFirst()
            .orElseThrow();
    assertEquals("/admin/v1/requests?limit=200&class=interactive&slo=missed&waited_for=0.1", path);
    assertTrue(
        find(Checkbox.class).all().stream()
            .anyMatch(box -> "Missed an objective".equals(box.getLabel()) && box.getValue()));
  }

  @Test
  void aTimeBeforeNowIsAskedToTheMinute() {
    Filters filters = new Filters("gw", Map.of(Filters.LAST, "5m"));

    assertEquals(
        "/admin/v1/requests?limit=10&since=2026-01-01T09%3A55%3A00Z", filters.path(10, "", NOW));
    assertEquals(Map.of("last", "5m"), filters.address("gw"));
  }

  @Test
  void whatIsOfALastWhileStaysWhenTheMinuteTurns() {
    Instant[] now = {NOW};
    InstantSource source = () -> now[0];
    RequestsPresenter presenter =
        new RequestsPresenter(
            Services.get().gateways(),
            source.withZone(ZoneOffset.UTC),
            new Filters("gw", Map.of(Filters.LAST, "5m")));
    Await.until(() -> presenter.rows().size() == 5);

    now[0] = NOW.plusSeconds(60);

    assertEquals(5, presenter.rows().size());
    assertTrue(presenter.asked());
  }

  private Anchor link(String text) {
    return find(Anchor.class)
        .withCondition(a -> a.getElement().getTextRecursively().contains(text))
        .single();
  }

  @Test
  void thePerfettoTraceIsTheGatewaysFile() throws Exception {
    fake.say("GET /admin/v1/requests/abc/perfetto", 200, "{\"traceEvents\":[]}");
    go("requests/gw/abc");
    ByteArrayOutputStream file = new ByteArrayOutputStream();

    test(link("Perfetto trace")).download(file);

    assertEquals("{\"traceEvents\":[]}", file.toString(StandardCharsets.UTF_8));
  }

  @Test
  void theTraceIsALinkToWhereTracesAreLookedUp() throws Exception {
    ObjectNode timeline = (ObjectNode) timeline();
    fake.say(
        "GET /admin/v1/requests/traced/timeline",
        200,
        timeline.put("trace_id", "4bf9/..?x").toString());

    go("requests/gw/traced");

    assertEquals("http://traces/4bf9%2F..%3Fx", link("Trace").getHref());
    assertEquals("_blank", link("Trace").getTarget().orElse(""));
  }

  @Test
  void whatWasNotTracedHasNoLink() throws Exception {
    ObjectNode timeline = (ObjectNode) timeline();
    fake.say(
        "GET /admin/v1/requests/untraced/timeline", 200, timeline.putNull("trace_id").toString());

    go("requests/gw/untraced");

    assertFalse(
        find(Anchor.class).all().stream().anyMatch(a -> a.getHref().startsWith("http://traces/")));
  }

  @Test
  void aReceiptSumsUpToTheWallTime() {
    Receipt receipt = new Receipt(timeline());

    double sum = receipt.phases().stream().mapToDouble(Receipt.Bar::ms).sum();

    assertEquals(receipt.wallMs(), sum, 0.01);
  }

  private static Receipt.Bar bar(List<Receipt.Bar> bars, String name) {
    return bars.stream().filter(bar -> bar.name().equals(name)).findFirst().orElseThrow();
  }

  @Test
  void aPhaseOfPrefillOrDecodeBeginsWhereItsLanesDo() {
    Receipt receipt = new Receipt(timeline());
    List<Receipt.Bar> phases = receipt.phases();

    assertEquals(2.364094, bar(receipt.lanes(), "prefill").startMs());
    assertEquals(2.364094, bar(phases, "prefill compute").startMs());
    assertEquals(3.060445, bar(receipt.lanes(), "decode").startMs());
    assertEquals(3.060445, bar(phases, "decode off-CPU").startMs());
    assertTrue(bar(phases, "decode off-CPU").sum());
  }

  @Test
  void thePhasesOfTheGatewayFollowEachOtherUpToTheWallTime() {
    List<Receipt.Bar> phases = new Receipt(timeline()).phases();

    assertEquals(0.141473 + 0.130122, bar(phases, "queue").startMs(), 1e-6);
    assertFalse(bar(phases, "queue").sum());
    // As the worker says that it was done.
    assertEquals(42.294086, bar(phases, "detokenize flush").startMs(), 0.001);
    Receipt.Bar last = bar(phases, "client flush");
    assertEquals(new Receipt(timeline()).wallMs(), last.startMs() + last.ms(), 1e-6);
  }

  /** One that was drained away from w0, whose ranks told of it before. */
  private static final String MOVED =
      "{'id':'moved','outcome':'ok','replica':'w1','wall_ms':300,'ttft_ms':20,'migrations':1,"
          + "'slo':{},'route':{},"
          + "'attempts':[{'number':1,'replica':'w0','start_ms':1,'end_ms':120,'error':null,"
          + "'engine':{'prefill':{'start_ms':5,'ms':10,'tokens':9,'steps':1,'lanes':["
          + "{'stage':0,'rank':1,'start_ms':5,'end_ms':15,'compute_ms':4,'off_cpu_ms':2}]},"
          + "'decode':null}},"
          + "{'number':2,'replica':'w1','start_ms':121,'end_ms':299,'error':null,"
          + "'migration':{'cause':'drained','cut_ms':118,'resumed_ms':149}}],"
          + "'phases':[{'phase':'upstream_first_token','ms':20},{'phase':'upstream_rest','ms':98},"
          + "{'phase':'decode_compute','ms':151},{'phase':'migration','ms':31}],"
          + "'prefill':null,'decode':{'start_ms':150,'ms':148,'tokens':70,'steps':70,'lanes':["
          + "{'stage':0,'rank':0,'start_ms':150,'end_ms':298,'compute_ms':140}]}}";

  @Test
  void aMovedRequestHasLanesPerAttemptAndSaysWhyItMoved() {
    Receipt receipt = new Receipt(json(MOVED));

    assertEquals(
        List.of(
            "attempt 1 at w0",
            "prefill",
            "stage 0, rank 1",
            "attempt 2 at w1, moved: drain",
            "decode",
            "stage 0, rank 0"),
        receipt.lanes().stream().map(Receipt.Bar::name).toList());
    Receipt.Bar lane = bar(receipt.lanes(), "stage 0, rank 1");
    assertEquals(4, lane.computeMs());
    assertEquals(2, lane.offCpuMs());
    assertEquals(118, bar(receipt.phases(), "migration").startMs());
    assertEquals(
        List.of(
            List.of("1", "w0", "first", "1 ms", "119 ms", "went on elsewhere", "told"),
            List.of(
                "2",
                "w1",
                "moved: drain, stream paused 31 ms",
                "121 ms",
                "178 ms",
                "answered",
                "told")),
        receipt.attempts().rows());
  }

  @Test
  void eachAttemptSaysWhyItWasMadeAndWhyItsRanksAreNotTold() {
    Receipt receipt =
        new Receipt(
            json(
                "{'replica':'w1','attempts':[{'number':1,'replica':'w0','end_ms':9,"
                    + "'error':'gone','engine_missing':'replica_gone'},"
                    + "{'number':2,'replica':'w2','hedge':true,'end_ms':9},"
                    + "{'number':3,'replica':'w1','start_ms':9,'end_ms':12}]}"));

    assertEquals(
        List.of(
            List.of("1", "w0", "first", "0 ms", "9 ms", "gone", "not told: the replica is gone"),
            List.of("2", "w2", "hedge", "0 ms", "9 ms", "another was faster", ""),
            List.of("3", "w1", "retry", "9 ms", "3 ms", "answered", "")),
        receipt.attempts().rows());
    assertEquals(
        List.of("attempt 1 at w0", "attempt 2 at w2, hedge", "attempt 3 at w1, retry"),
        receipt.lanes().stream().map(Receipt.Bar::name).toList());
  }

  @Test
  void aMovedRequestIsShownWithWhyItMoved() {
    fake.say("GET /admin/v1/requests/moved/timeline", 200, MOVED.replace('\'', '"'));

    go("requests/gw/moved");

    assertTrue(text().contains("moved: drain, stream paused 31 ms"), text());
    assertTrue(text().contains("attempt 2 at w1, moved: drain"), text());
  }

  @Test
  void theReceiptTellsTimesAsOtherViewsDoAndNoCauseThatNobodyKnows() {
    go("requests/gw/abc");

    assertTrue(text().contains("2026-11-29 08:11:07.791"), text());
    assertTrue(text().contains("not traced"), text());
  }

  @Test
  void theCriticalPathIsTheWallTimeAndNamesTheRanksThatOthersWaitedFor() {
    CriticalPath path = new Receipt(timeline()).criticalPath();

    double sum = path.parts().stream().mapToDouble(CriticalPath.Part::ms).sum();

    assertEquals(new Receipt(timeline()).wallMs(), sum, 0.05);
    CriticalPath.Part decode =
        path.parts().stream().filter(p -> p.name().equals("decode")).findFirst().orElseThrow();
    assertEquals(
        "stage 0 at rank 0, last in 12 of 19 steps; stage 1 at rank 0, last in 10 of 19 steps",
        decode.where());
    assertTrue(path.sentence().startsWith("gateway "), path.sentence());
    List<String> critical =
        new Receipt(timeline())
            .lanes().stream().filter(Receipt.Bar::critical).map(Receipt.Bar::name).toList();
    assertEquals(
        List.of(
            "attempt 1 at w2",
            "prefill",
            "stage 0, rank 1",
            "stage 1, rank 1",
            "decode",
            "stage 0, rank 0",
            "stage 1, rank 0"),
        critical);
  }

  @Test
  void anAttemptThatAnotherWonAgainstIsNotOnTheCriticalPath() {
    Receipt receipt =
        new Receipt(
            json(
                "{'replica':'w1','wall_ms':9,'attempts':[{'number':1,'replica':'w0','end_ms':9},"
                    + "{'number':2,'replica':'w1','hedge':true,'end_ms':9}]}"));

    assertEquals(
        List.of(false, true), receipt.lanes().stream().map(Receipt.Bar::critical).toList());
  }

  @Test
  void onlyTheCriticalPathIsShownWhereSomebodyWantsThat() {
    go("requests/gw/abc");
    assertTrue(text().contains("stage 1, rank 1 · critical"), text());

    find(Checkbox.class).withLabel("Only the critical path").single().setValue(true);

    assertTrue(text().contains("stage 0, rank 0 · critical"), text());
    assertFalse(text().contains("stage 0, rank 0\n"), text());
  }

  @Test
  void theVerdictSaysWhatWasLateAndWhy() {
    String verdict =
        new Receipt(
                json(
                    "{'outcome':'ok','replica':'w1','wall_ms':200,'ttft_ms':80,'migrations':1,"
                        + "'slo':{'ttft_ms':40},'phases':[{'phase':'queue','ms':50,'share':0.25},"
                        + "{'phase':'decode_off_cpu','ms':150,'share':0.75}]}"))
            .verdict();

    assertEquals(
        "Answered in 200 ms by w1. The first token took 80 ms, wanted were 40 ms."
            + " It moved to another worker once. Most of the time, 75 %, went to decode off-CPU.",
        verdict);
  }

  @Test
  void whatFailedSaysHow() {
    String verdict =
        new Receipt(
                json(
                    "{'outcome':'upstream_broken','status':502,'wall_ms':12,'error':'gone','slo':{}}"))
            .verdict();

    assertEquals("Ended as upstream broken with status 502 after 12 ms: gone.", verdict);
  }

  @Test
  void oneRequestIsShownWithItsCandidates() {
    go("requests/gw/abc");

    assertTrue(text().contains("Where the time went"));
    assertTrue(text().contains("stage 1, rank 1"));
    assertTrue(text().contains("chosen"));
  }

  @Test
  void theGatewaysExplanationStandsOnTop() {
    fake.say(
        "GET /admin/v1/requests/told/explain",
        200,
        "{\"text\": \"It waited for rank 0.1.\", \"neighbours\": [\"long-prompt\"],"
            + " \"queue\": {\"requests\": []}}");

    go("requests/gw/told");

    assertTrue(text().contains("It waited for rank 0.1."), text());
    assertTrue(
        find(Anchor.class).all().stream()
            .anyMatch(a -> a.getHref().equals("requests/gw/long-prompt")));
  }

  @Test
  void anOlderGatewaysTimelineIsTheVerdict() {
    go("requests/gw/abc");

    assertTrue(text().contains(new Receipt(timeline()).verdict()), text());
  }

  @ParameterizedTest
  @EnumSource(Role.class)
  void runningRequestsAreCancelledByOperators(Role role) {
    Change cancel = running().cancel();

    Result result = Services.get().changes().run(gateway(), cancel, person(role), "a test");

    if (role.includes(Role.OPERATOR)) {
      assertInstanceOf(Result.Done.class, result);
      FakeGateway.Call made = fake.changes().getFirst();
      assertEquals("DELETE /admin/v1/requests/r%2F1", made.method() + " " + made.path());
    } else {
      assertInstanceOf(Result.Denied.class, result);
      assertEquals(List.of(), fake.changes());
    }
  }

  private static RunningRow running() {
    return RunningRow.of(
        json(
            "{'id':'r/1','phase':'streaming','model':'m','slo_class':'standard','tenant':'t',"
                + "'stream':true,'replica':'w0','running_ms':1500,'ttft_ms':20,'tokens':7}"));
  }

  @Test
  void aCancelSaysWhatItsClientReads() {
    assertEquals(
        List.of(
            "r/1 of t ends, after 1.50 s",
            "Its client reads that it was cancelled as the last event of its stream, after 7"
                + " tokens",
            "There is no way back: its client would have to ask again"),
        running().cancel().effects());
  }

  @Test
  void theTailAsksForWhatTheAddressSays() {
    Filters filters = new Filters("gw", Map.of("class", "interactive", "slo", "missed"));

    assertEquals(
        "/admin/v1/requests/tail?sample=0.02&class=interactive&slo=missed", filters.tail(0.02));
    assertEquals("/admin/v1/requests/tail?class=interactive&slo=missed", filters.tail(1));
    assertEquals("/admin/v1/requests?running=true&limit=50&class=interactive", filters.running(50));
  }

  @Test
  void aTailAsksForAboutAHundredASecond() {
    assertEquals(1, Tail.share(80));
    assertEquals(0.01, Tail.share(10_000));
    assertEquals(1e-4, Tail.share(1e9));
  }

  @Test
  void theTailShowsWhatEndsAndSaysWhatIsLeftOut() {
    JsonNode request =
        JsonMapper.shared()
            .readTree(RequestsViewTest.class.getResourceAsStream("/fake/requests.json"))
            .path("requests")
            .path(0);
    String line = request.toString();
    String event = line.substring(0, line.length() - 1) + ",\"left_out\":3}";
    fake.say(
        "GET /admin/v1/requests/tail",
        200,
        "event: request\ndata: " + event + "\n\nevent: left_out\ndata: {\"left_out\":4}\n\n");
    try (Tail tail =
        new Tail(gateway(), new Filters("gw", Map.of()), Clock.systemUTC(), () -> {})) {
      tail.start();

      Await.until(() -> tail.shown().leftOut() >= 7);

      assertEquals(request.path("id").asString(""), tail.shown().rows().getFirst().id());
      assertEquals(1, tail.shown().sample());
    }
  }

  @Test
  void theTailSaysItsShareAndHowManyItLeavesOut() {
    assertEquals(
        "A sample of 1 %; 990k left out so far",
        new Tail.Shown(List.of(), 990_000, 0.01, null).words());
    assertEquals("All; 0 left out so far", new Tail.Shown(List.of(), 0, 1, null).words());
    fake.say("GET /admin/v1/requests/tail", 200, "event: left_out\ndata: {\"left_out\":4}\n\n");

    go("requests", "tail=1");
    Await.until(
        () -> {
          VaadinSession session = VaadinSession.getCurrent();
          session.unlock();
          session.lock();
          return !text().contains("All; 0 left out so far");
        });

    assertTrue(text().matches("(?s).*All; [1-9][0-9]* left out so far.*"), text());
  }

  @ParameterizedTest
  @EnumSource(Role.class)
  void cancelIsAWordAndForOperators(Role role) {
    Filters filters = new Filters("gw", Map.of("tenant", role.word()));
    fake.say(
        "GET " + filters.running(RequestsPresenter.RUNNING_SHOWN),
        200,
        "{\"requests\":[{\"id\":\"r1\",\"phase\":\"streaming\",\"model\":\"m\","
            + "\"slo_class\":\"standard\",\"tenant\":\"t\",\"stream\":true,"
            + "\"replica\":\"w0\",\"running_ms\":1500,\"ttft_ms\":20,\"tokens\":7,"
            + "\"accepted_at\":\"2026-01-01T10:00:00Z\"}]}");
    as(role);
    Await.until(
        () -> {
          go("audit");
          go("requests", "tenant=" + role.word());
          return !runningRows().isEmpty();
        });

    Button cancel = runningRows().getFirst();

    assertEquals("Cancel", cancel.getText());
    assertEquals(role.includes(Role.OPERATOR), cancel.isEnabled());
  }

  /** The buttons of the requests that run. */
  private List<Button> runningRows() {
    return find(Grid.class).all().stream()
        .filter(g -> "Running requests".equals(g.getElement().getAttribute("aria-label")))
        .flatMap(
            grid -> {
              Grid<?> rows = grid;
              return IntStream.range(0, test(rows).size())
                  .mapToObj(i -> (Button) test(rows).getCellComponent(i, CANCEL));
            })
        .toList();
  }

  @Test
  void theTailStandsInTheAddress() {
    go("requests", "tail=1&class=interactive");

    Await.until(
        () ->
            fake.calls().stream()
                .anyMatch(c -> c.path().equals("/admin/v1/requests/tail?class=interactive")));
    assertTrue(
        find(Checkbox.class).all().stream()
            .anyMatch(box -> "Tail".equals(box.getLabel()) && box.getValue()));
  }

  @Test
  void twoRequestsAreComparedPhaseByPhase() {
    Comparison comparison =
        new Comparison(
            json(
                "{'wall_ms':100,'phases':[{'phase':'queue','ms':10},"
                    + "{'phase':'prefill_compute','ms':90}]}"),
            json(
                "{'wall_ms':180,'phases':[{'phase':'queue','ms':75},"
                    + "{'phase':'prefill_compute','ms':85},{'phase':'client_flush','ms':20}]}"));

    assertEquals(
        "The second took 80 ms longer: 180 ms instead of 100 ms. Most of that, 65 ms, is in"
            + " queue.",
        comparison.sentence());
    assertEquals(
        List.of(
            List.of("queue", "10 ms", "75 ms", "+65 ms"),
            List.of("client flush", "0 ms", "20 ms", "+20 ms"),
            List.of("prefill compute", "90 ms", "85 ms", "−5 ms")),
        comparison.rows());
  }

  @Test
  void twoRequestsAreShownBesideEachOther() {
    go("compare/gw/a/b");

    assertTrue(text().contains("Phase by phase"), text());
    assertTrue(text().contains("Both took"), text());
  }

  private static JsonNode json(String text) {
    return JsonMapper.shared().readTree(text.replace('\'', '"'));
  }

  private static JsonNode timeline() {
    return JsonMapper.shared()
        .readTree(RequestsViewTest.class.getResourceAsStream("/fake/timeline.json"));
  }

  @Test
  void emptyFiltersAreNone() {
    assertEquals(
        Map.of("model", "m"),
        Filters.of("gw", Map.of("model", List.of(" m "), "class", List.of(""))).wanted());
  }

  private static String page(int newest) {
    String rows =
        IntStream.range(0, 200)
            .mapToObj(i -> "{\"id\": \"r" + (newest - i) + "\"}")
            .collect(Collectors.joining(","));
    return "{\"requests\": [" + rows + "], \"next\": \"" + (newest - 199) + "\"}";
  }

  @Test
  void aListThatIsCutSaysSo() {
    String query = "&tenant=endless";
    fake.say("GET /admin/v1/requests?limit=200" + query, 200, page(9_000));
    for (int before = 8_801; before > 6_000; before -= 200) {
      String path = "GET /admin/v1/requests?limit=200&before=" + before + query;
      fake.say(path, 200, page(before - 1));
    }
    go("requests", "tenant=endless");
    Await.until(() -> gateway().shared("/admin/v1/requests?limit=200" + query).answer() != null);
    go("audit");
    go("requests", "tenant=endless");
    assertTrue(text().contains("200 requests, the newest"), text());

    for (int i = 0; i < 10; i++) {
      assertFalse(text().contains("Older ones are not shown"), text());
      test(find(Button.class).withText("Load older ones").single()).click();
    }

    assertFalse(find(Button.class).withText("Load older ones").exists());
    assertTrue(text().contains("2200 requests, the newest"), text());
    assertTrue(text().contains("Older ones are not shown"), text());
  }
}

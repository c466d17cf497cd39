package dev.switchboard.console.fleet;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.vaadin.flow.component.button.Button;
import com.vaadin.flow.component.treegrid.TreeGrid;
import dev.switchboard.console.api.FakeGateway;
import dev.switchboard.console.api.Role;
import dev.switchboard.console.live.Event;
import dev.switchboard.console.live.Gateways;
import dev.switchboard.console.live.LiveGateway;
import dev.switchboard.console.live.Ring;
import dev.switchboard.console.live.Series;
import dev.switchboard.console.ui.ConsoleViewTest;
import dev.switchboard.console.ui.TimeSlider;
import dev.switchboard.console.ui.Tone;
import dev.switchboard.testing.Await;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

class FleetViewTest extends ConsoleViewTest {
  @BeforeEach
  void signIn() {
    as(Role.VIEWER);
  }

  @Test
  void showsGatewaysModelsAndReplicas() {
    navigate(FleetView.class);

    @SuppressWarnings("unchecked")
    TreeGrid<FleetNode> tree = find(TreeGrid.class).single();
    assertTrue(tree.getTreeData().contains(new FleetNode("gw", "switchboard-demo", "w0")));
    assertTrue(text().contains("1 gateway, 1 model, 7 replicas, 3 ready"));
  }

  @Test
  void theTreeGoesDownToRanks() {
    navigate(FleetView.class);

    @SuppressWarnings("unchecked")
    TreeGrid<FleetNode> tree = find(TreeGrid.class).single();
    FleetNode replica = new FleetNode("gw", "switchboard-demo", "w0");
    List<FleetNode> ranks = tree.getTreeData().getChildren(replica);
    assertEquals(List.of("0.0", "0.1", "1.0", "1.1"), ranks.stream().map(FleetNode::rank).toList());
    assertFalse(tree.isExpanded(replica));
    assertEquals(
        "stage 1, rank 0",
        new FleetPresenter(gatewaysOf(), Clock.systemUTC()).rankRow(ranks.get(2)).name());
  }

  /** As on a screen that is never closed, of a fleet whose pods come and go. */
  @Test
  void ranksOfReplicasThatAreGoneAreForgotten() {
    FleetView view = navigate(FleetView.class);
    @SuppressWarnings("unchecked")
    TreeGrid<FleetNode> tree = find(TreeGrid.class).single();
    tree.expand(new FleetNode("gw", "switchboard-demo", "w0"));
    view.refresh();
    assertEquals(4, view.ranksShown());

    String replicas = "GET /admin/v1/replicas";
    fake.say(replicas, 200, "{\"replicas\": []}");
    try {
      gateway().refresh();
      Await.until(() -> gateway().snapshot().replicas().isEmpty());
      view.refresh();

      assertEquals(0, view.ranksShown());
    } finally {
      fake.unsay(replicas);
      gateway().refresh();
      Await.until(() -> gateway().snapshot().replicas().size() == 7);
    }
  }

  @Test
  void theSliderShowsTheLastHourAgain(@TempDir Path folder) throws Exception {
    long now = Instant.now().getEpochSecond() / 5 * 5;
    Ring before = new Ring();
    for (int ago = 600; ago > 0; ago -= 5) {
      float running = ago > 300 ? 7 : 1;
      before.add(now - ago, Map.of(Series.replica("w0", "running"), running));
    }
    before.write(folder.resolve("ring-gw.bin"));
    try (Gateways gateways =
        Gateways.start(List.of(fake.address()), FakeGateway.KEYS, folder, Clock.systemUTC())) {
      Await.until(() -> gateways.all().getFirst().snapshot().reached());
      Await.until(() -> !gateways.all().getFirst().events().isEmpty());
      FleetPresenter presenter = new FleetPresenter(gateways, Clock.systemUTC());
      FleetNode w0 = new FleetNode("gw", "switchboard-demo", "w0");

      presenter.at(now - 400);

      FleetRow row = Objects.requireNonNull(presenter.rows().get(w0));
      assertEquals(7, row.running());
      assertEquals(now - 400, presenter.newestSeconds());
      // The fake gateway's events are all of now: it was made after that time.
      assertEquals("Not there", row.state());
      presenter.at(now - 200);
      assertEquals(1, Objects.requireNonNull(presenter.rows().get(w0)).running());
      presenter.at(0);
      assertTrue(Objects.requireNonNull(presenter.rows().get(w0)).state().startsWith("Ready"));
    }
  }

  /** As on a page that is left open on a time of the last hour. */
  @Test
  void whatIsOlderThanTheLastHourIsBlankAndNotOfAnotherTime(@TempDir Path folder) throws Exception {
    long now = Instant.now().getEpochSecond() / 5 * 5;
    Ring before = new Ring();
    for (int ago = Ring.SLOTS * 5; ago > 0; ago -= 5) {
      before.add(now - ago, Map.of(Series.replica("w0", "running"), 7f));
    }
    before.write(folder.resolve("ring-gw.bin"));
    try (Gateways gateways =
        Gateways.start(List.of(fake.address()), FakeGateway.KEYS, folder, Clock.systemUTC())) {
      Await.until(() -> gateways.all().getFirst().snapshot().reached());
      FleetPresenter presenter = new FleetPresenter(gateways, Clock.systemUTC());
      FleetNode w0 = new FleetNode("gw", "switchboard-demo", "w0");

      presenter.at(now - 3000);
      assertEquals(7, Objects.requireNonNull(presenter.rows().get(w0)).running());
      presenter.at(now - 7200);

      assertTrue(Double.isNaN(Objects.requireNonNull(presenter.rows().get(w0)).running()));
      assertEquals(now - 7200, presenter.newestSeconds());
    }
  }

  @Test
  void goodputAndTimesByClassAreOfTheLastMinute(@TempDir Path folder) throws Exception {
    long now = Instant.now().getEpochSecond() / 5 * 5;
    Ring before = new Ring();
    before.add(
        now - 5,
        Map.of(
            Series.ofClass("interactive", "requests"), 12f,
            Series.ofClass("interactive", "good_requests"), 11f,
            Series.ofClass("interactive", "good_tokens"), 240f,
            Series.ofClass("interactive", "queue_p95"), 8f,
            Series.model("switchboard-demo", "good_requests"), 11f));
    before.write(folder.resolve("ring-gw.bin"));
    try (Gateways gateways =
        Gateways.start(List.of(fake.address()), FakeGateway.KEYS, folder, Clock.systemUTC())) {
      Await.until(() -> gateways.all().getFirst().snapshot().reached());
      FleetPresenter presenter = new FleetPresenter(gateways, Clock.systemUTC());

      assertEquals(
          "12 requests/s, 11 good/s, 240 good tokens/s, queue p95 8 ms",
          presenter.now("interactive"));
      assertEquals("", presenter.now("batch"));
      assertEquals(
          11, FleetPresenter.mean(presenter.total("good_requests", FleetPresenter.MINUTE)));
      assertTrue(
          Double.isNaN(FleetPresenter.mean(presenter.total("good_tokens", FleetPresenter.MINUTE))));
    }
  }

  @Test
  void whatTheGatewayDoesNotCountStaysUnsaid() {
    navigate(FleetView.class);

    assertFalse(text().contains("goodput 0"), text());
    assertTrue(text().contains("Goodput by class, requests per second"));
  }

  @Test
  void whoLooksAtThePastIsToldSo() {
    FleetView view = navigate(FleetView.class);
    find(TimeSlider.class).single().choose(600);

    assertTrue(text().contains("UTC, 10 min ago"), text());
    Button back = find(Button.class).withText("Back to now").single();
    test(back).click();

    assertTrue(view.isAttached());
    assertFalse(text().contains("UTC, 10 min ago"), text());
    assertFalse(find(Button.class).withText("Back to now").exists());
  }

  @Test
  void whatChangedIsASentenceAndNamesStayText() {
    navigate(FleetView.class);

    assertTrue(text().contains("every rank answered"));
  }

  @Test
  void aDryRunIsNoChange() {
    assertTrue(audited("POST /admin/v1/replicas/:id/drain?plan=true").isEmpty());
    assertTrue(audited("PUT /admin/v1/slo-classes/:name?preview=true").isEmpty());
    assertEquals(
        "alice: drain replica w0",
        audited("POST /admin/v1/replicas/:id/drain").orElseThrow().text());
  }

  private static Optional<EventLine> audited(String action) {
    ObjectNode data = JsonNodeFactory.instance.objectNode();
    data.put("actor", "alice").put("action", action).put("target", "w0").put("status", 200);
    return EventLine.of(new Event("gw", "audit", Instant.EPOCH, data));
  }

  @Test
  void aNameOfMarkupStaysAName() {
    FleetPresenter presenter = new FleetPresenter(gatewaysOf(), Clock.systemUTC());

    FleetRow row =
        Objects.requireNonNull(
            presenter
                .rows()
                .get(new FleetNode("gw", "switchboard-demo", "<img src=x onerror=alert(1)>")));

    assertEquals("<img src=x onerror=alert(1)>", row.name());
    assertEquals("Draining", row.state());
  }

  @Test
  void aReplicaOnADeviceSaysSo() {
    Map<FleetNode, FleetRow> rows = new FleetPresenter(gatewaysOf(), Clock.systemUTC()).rows();

    for (String name : List.of("w0", "w1 · cuda")) {
      FleetNode node = new FleetNode("gw", "switchboard-demo", name.substring(0, 2));
      assertEquals(name, Objects.requireNonNull(rows.get(node)).name());
    }
  }

  private static Gateways gatewaysOf() {
    return dev.switchboard.console.ui.Services.get().gateways();
  }

  @Test
  void aLostGatewaySaysSinceWhenAndKeepsWhatItTold(@TempDir Path folder) throws Exception {
    FakeGateway lost = new FakeGateway();
    MovedClock clock = new MovedClock();
    try (Gateways gateways =
        Gateways.start(List.of(lost.address()), FakeGateway.KEYS, folder, clock)) {
      LiveGateway gateway = gateways.all().getFirst();
      Await.until(() -> gateway.snapshot().reached());
      lost.close();
      Await.until(() -> !gateway.snapshot().reached());
      clock.stand(Objects.requireNonNull(gateway.snapshot().lastSeen()).plusSeconds(12));

      Map<FleetNode, FleetRow> rows = new FleetPresenter(gateways, clock).rows();

      assertEquals(
          "Last seen 12 s ago", Objects.requireNonNull(rows.get(FleetNode.gateway("gw"))).state());
      assertEquals(9, rows.size());
      assertTrue(new FleetPresenter(gateways, clock).line().endsWith("; 1 gateway not reached"));
    }
  }

  /** Runs, until it is told to stand at a time. */
  private static final class MovedClock extends Clock {
    private volatile @Nullable Instant standing;

    void stand(Instant at) {
      standing = at;
    }

    @Override
    public Instant instant() {
      Instant at = standing;
      return at == null ? Instant.now() : at;
    }

    @Override
    public ZoneId getZone() {
      return ZoneOffset.UTC;
    }

    @Override
    public Clock withZone(ZoneId zone) {
      return this;
    }
  }

  @Test
  void headroomIsAShareOfTheTargetWithAWord() {
    assertEquals("12 % over", FleetView.headroom(-0.12).text());
    assertEquals(Tone.BAD, FleetView.headroom(-0.12).tone());
    assertEquals("5 % left", FleetView.headroom(0.05).text());
    assertEquals(Tone.WARN, FleetView.headroom(0.05).tone());
    assertEquals("88 % left", FleetView.headroom(0.88).text());
    assertEquals(Tone.GOOD, FleetView.headroom(0.88).tone());
    assertEquals("", FleetView.headroom(Double.NaN).text());
  }

  @Test
  void aReplicaHasTheHeadroomOfItsNewestRequests(@TempDir Path folder) throws Exception {
    fake.say(
        "GET /admin/v1/requests",
        200,
        "{\"requests\":[{\"replica\":\"w0\",\"model\":\"switchboard-demo\","
            + "\"slo_class\":\"interactive\",\"ttft_ms\":336,\"accepted_at\":\""
            + Instant.now()
            + "\"}]}");
    try (Gateways gateways =
        Gateways.start(List.of(fake.address()), FakeGateway.KEYS, folder, Clock.systemUTC())) {
      Await.until(() -> gateways.all().getFirst().snapshot().classes().size() == 3);
      FleetPresenter presenter = new FleetPresenter(gateways, Clock.systemUTC());
      Await.until(() -> headroom(presenter, "w0") < 0);

      assertEquals(-0.12, headroom(presenter, "w0"), 1e-9);
      assertTrue(Double.isNaN(headroom(presenter, "w1")));
    }
  }

  private static double headroom(FleetPresenter presenter, String replica) {
    FleetNode node = new FleetNode("gw", "switchboard-demo", replica);
    return Objects.requireNonNull(presenter.rows().get(node)).headroom();
  }

  @Test
  void theErrorBudgetIsWhatTheHourLeftOfIt(@TempDir Path folder) throws Exception {
    long now = Instant.now().getEpochSecond() / 5 * 5;
    Ring before = new Ring();
    // Each for five seconds: 200 and 100 requests.
    before.add(
        now - 5,
        Map.of(
            Series.slo("interactive", "ttft", "met"), 39.75f,
            Series.slo("interactive", "ttft", "missed"), 0.25f,
            Series.slo("interactive", "availability", "met"), 40f,
            Series.slo("standard", "tpot", "met"), 19.25f,
            Series.slo("standard", "tpot", "missed"), 0.75f));
    before.write(folder.resolve("ring-gw.bin"));
    try (Gateways gateways =
        Gateways.start(List.of(fake.address()), FakeGateway.KEYS, folder, Clock.systemUTC())) {
      Await.until(() -> gateways.all().getFirst().snapshot().classes().size() == 3);

      List<FleetPresenter.SloRow> slos = new FleetPresenter(gateways, Clock.systemUTC()).slos();

      assertEquals(
          List.of(
              "standardBudget spentPer token: 96.25 % of 100 met it, target 99 %",
              "interactive38 % leftFirst token: 99.38 % of 200 met it, target 99 %",
              "batchNo trafficno requests in the last hour"),
          slos.stream()
              .map(row -> FleetView.sloRow(row, "").getElement().getTextRecursively())
              .toList());
    }
  }

  @Test
  void aGatewayThatNeverAnsweredHasNoZeros(@TempDir Path folder) throws Exception {
    FakeGateway gone = new FakeGateway();
    gone.close();
    try (Gateways gateways =
        Gateways.start(List.of(gone.address()), FakeGateway.KEYS, folder, Clock.systemUTC())) {
      Await.until(() -> gateways.all().getFirst().snapshot().failure() != null);

      FleetRow row =
          Objects.requireNonNull(
              new FleetPresenter(gateways, Clock.systemUTC()).rows().get(FleetNode.gateway("gw")));

      assertEquals("Never seen", row.state());
      assertTrue(Double.isNaN(row.running()) && Double.isNaN(row.inFlight()));
    }
  }

  @Test
  void actionsOfTheAuditLogAreWords() {
    assertEquals("drain replica", Actions.words("POST /admin/v1/replicas/:id/drain"));
    assertEquals("cancel drain of replica", Actions.words("DELETE /admin/v1/replicas/:id/drain"));
    assertEquals("set service class", Actions.words("PUT /admin/v1/slo-classes/:name"));
    assertEquals("make key", Actions.words("POST /admin/v1/keys"));
    assertEquals("reload config", Actions.words("POST /admin/v1/config/reload"));
    assertEquals(
        "plan: drain replica", Actions.words("POST /admin/v1/replicas/:id/drain?plan=true"));
    assertEquals("plan: make model", Actions.words("POST /admin/v1/models?plan=true"));
    assertEquals(
        "preview: set service class",
        Actions.words("PUT /admin/v1/slo-classes/:name?preview=true"));
    assertEquals("anything", Actions.words("anything"));
  }
}

package dev.switchboard.console.replica;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.vaadin.flow.component.UI;
import com.vaadin.flow.component.button.Button;
import com.vaadin.flow.component.checkbox.Checkbox;
import com.vaadin.flow.component.dialog.Dialog;
import com.vaadin.flow.component.html.Anchor;
import com.vaadin.flow.component.textfield.NumberField;
import com.vaadin.flow.component.textfield.TextArea;
import dev.switchboard.console.action.Result;
import dev.switchboard.console.api.FakeGateway;
import dev.switchboard.console.api.Role;
import dev.switchboard.console.replica.ReplicaPresenter.Command;
import dev.switchboard.console.ui.ConsoleViewTest;
import dev.switchboard.console.ui.NotFoundView;
import dev.switchboard.console.ui.Paths;
import dev.switchboard.console.ui.Services;
import dev.switchboard.testing.Await;
import java.time.Clock;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

class ReplicaViewTest extends ConsoleViewTest {
  private static final Map<Command, String> ROUTES =
      Map.of(
          Command.DRAIN, "POST /admin/v1/replicas/w0/drain",
          Command.CANCEL_DRAIN, "DELETE /admin/v1/replicas/w0/drain",
          Command.RESUME, "POST /admin/v1/replicas/w0/resume",
          Command.CORDON, "POST /admin/v1/replicas/w0/cordon",
          Command.UNCORDON, "POST /admin/v1/replicas/w0/uncordon",
          Command.PROMOTE, "POST /admin/v1/replicas/w0/promote",
          Command.WEIGHT, "POST /admin/v1/replicas/w0/weight",
          Command.RESTART, "POST /admin/v1/replicas/w0/restart");

  private static ReplicaPresenter presenter(String replica) {
    return new ReplicaPresenter(gateway(), replica, Clock.systemUTC());
  }

  static Stream<Arguments> commandsByRole() {
    return EnumSet.allOf(Command.class).stream()
        .flatMap(command -> Stream.of(Role.values()).map(role -> Arguments.of(command, role)));
  }

  @ParameterizedTest
  @MethodSource("commandsByRole")
  void viewersChangeNothingAndOthersDo(Command command, Role role) {
    var change = presenter("w0").change(command, person(role));

    Result result = Services.get().changes().run(gateway(), change, person(role), "a test");

    List<FakeGateway.Call> calls = fake.changes();
    if (role == Role.VIEWER) {
      assertInstanceOf(Result.Denied.class, result);
      assertEquals(List.of(), calls);
    } else {
      assertInstanceOf(Result.Done.class, result);
      FakeGateway.Call call = calls.getFirst();
      assertEquals(ROUTES.get(command), call.method() + " " + call.path());
      assertEquals("Bearer " + role.word(), call.headers().get("authorization"));
      assertEquals(role.word(), call.headers().get("x-switchboard-on-behalf-of"));
      assertEquals("a%20test", call.headers().get("x-switchboard-change-reason"));
      assertFalse(call.headers().getOrDefault("if-match", "").isEmpty());
    }
  }

  /** What takes a command back, of a replica of a state; empty for what nothing takes back. */
  static Stream<Arguments> reverts() {
    return Stream.of(
        Arguments.of("w0", Command.DRAIN, "DELETE /admin/v1/replicas/w0/drain"),
        Arguments.of("drained", Command.DRAIN, "POST /admin/v1/replicas/drained/resume"),
        Arguments.of("w0", Command.CANCEL_DRAIN, "POST /admin/v1/replicas/w0/drain"),
        Arguments.of("drained", Command.RESUME, "POST /admin/v1/replicas/drained/drain"),
        Arguments.of("w0", Command.RESUME, ""),
        Arguments.of("w0", Command.CORDON, "POST /admin/v1/replicas/w0/uncordon"),
        Arguments.of("w0", Command.UNCORDON, "POST /admin/v1/replicas/w0/cordon"),
        Arguments.of("w0", Command.WEIGHT, "POST /admin/v1/replicas/w0/weight"),
        Arguments.of("standby", Command.PROMOTE, ""),
        Arguments.of("w0", Command.RESTART, ""));
  }

  @ParameterizedTest
  @MethodSource("reverts")
  void commandsAreTakenBackByTheirOpposite(String replica, Command command, String by)
      throws Exception {
    var change = presenter(replica).change(command, person(Role.OPERATOR));

    var revert = change.revert();

    if (by.isEmpty()) {
      assertEquals(null, revert);
    } else {
      var back = Objects.requireNonNull(revert).change(JsonMapper.shared().createObjectNode());
      assertEquals(by, back.method() + " " + back.path());
    }
  }

  @Test
  void statesAllowWhatMakesSense() {
    assertEquals(
        Set.of(Command.DRAIN, Command.CORDON, Command.WEIGHT, Command.RESTART),
        Set.copyOf(presenter("w0").commands()));
    assertTrue(presenter("standby").commands().contains(Command.PROMOTE));
    assertTrue(presenter("drained").commands().contains(Command.RESUME));
    assertTrue(presenter("cordoned").commands().contains(Command.UNCORDON));
    assertTrue(presenter("<img src=x onerror=alert(1)>").commands().contains(Command.CANCEL_DRAIN));
    assertEquals(List.of(), presenter("unknown").commands());
  }

  /** What the gateway's own commands take, by the state of a worker that it starts. */
  static Stream<Arguments> commandsByState() {
    return Stream.of(
        Arguments.of("STARTING", EnumSet.noneOf(Command.class)),
        Arguments.of("WARMING", EnumSet.of(Command.DRAIN, Command.RESTART)),
        Arguments.of("READY", EnumSet.of(Command.DRAIN, Command.CORDON, Command.RESTART)),
        Arguments.of(
            "STANDBY", EnumSet.of(Command.PROMOTE, Command.DRAIN, Command.CORDON, Command.RESTART)),
        Arguments.of("CORDONED", EnumSet.of(Command.DRAIN, Command.CORDON, Command.RESTART)),
        Arguments.of("EJECTED", EnumSet.of(Command.RESUME, Command.DRAIN, Command.RESTART)),
        Arguments.of("DRAINING", EnumSet.of(Command.CANCEL_DRAIN)),
        Arguments.of("DRAINED", EnumSet.of(Command.RESUME, Command.RESTART)),
        Arguments.of("RESTARTING", EnumSet.noneOf(Command.class)),
        Arguments.of("FAILED", EnumSet.of(Command.RESUME, Command.RESTART)),
        Arguments.of("STOPPED", EnumSet.of(Command.RESUME, Command.RESTART)));
  }

  /** The fake gateway's first replica, otherwise in that, has another id beside those it has. */
  private static void sayThatThereIs(String id, Consumer<ObjectNode> otherwise) {
    JsonNode replicas =
        JsonMapper.shared()
            .readTree(ReplicaViewTest.class.getResourceAsStream("/fake/replicas.json"));
    ObjectNode one = ((ObjectNode) replicas.path("replicas").get(0).deepCopy()).put("id", id);
    otherwise.accept(one);
    ((ArrayNode) replicas.path("replicas")).add(one);
    fake.say("GET /admin/v1/replicas", 200, replicas.toString());
    gateway().refresh();
    Await.until(() -> gateway().snapshot().replica(id).filter(one::equals).isPresent());
  }

  @ParameterizedTest
  @MethodSource("commandsByState")
  void whatIsOfferedIsWhatTheGatewayTakes(String state, Set<Command> allowed) {
    sayThatThereIs("one", one -> one.put("state", state).put("cordoned", false));

    EnumSet<Command> offered = EnumSet.copyOf(presenter("one").commands());

    assertTrue(offered.remove(Command.WEIGHT));
    assertEquals(allowed, offered);
  }

  @Test
  void whatThisGatewayDoesNotStartIsNotRestartedAndWhatLeavesDoesNotComeBack() {
    sayThatThereIs("one", one -> one.put("state", "EJECTED").put("local", false));
    assertEquals(
        List.of(Command.RESUME, Command.DRAIN, Command.WEIGHT), presenter("one").commands());

    sayThatThereIs("one", one -> one.put("state", "STANDBY").put("leaving", true));
    assertEquals(
        List.of(Command.DRAIN, Command.CORDON, Command.WEIGHT), presenter("one").commands());
  }

  @Test
  void aWeightThatSomebodyElseSetMeanwhileIsNotOverwritten() {
    sayThatThereIs("one", one -> one.put("version", "seen"));
    as(Role.OPERATOR);
    go("replicas/gw/one");
    test(button("Set weight")).click();
    test(find(NumberField.class).single()).setValue(2.0);
    test(find(TextArea.class).single()).setValue("too slow");

    sayThatThereIs("one", one -> one.put("version", "changed").put("weight", 50));
    test(button("Set weight of one")).click();

    assertEquals("seen", fake.changes().getFirst().headers().get("if-match"));
  }

  @Test
  void aDrainSaysWhatTheGatewayExpects() {
    var change = presenter("w0").change(Command.DRAIN, person(Role.OPERATOR));

    assertEquals(
        "3 requests run there: 2 finish there, 1 goes on at another worker.",
        change.effects().getFirst());
    assertTrue(change.effects().get(1).startsWith("Empty in about 4.20 s"));
    assertEquals(List.of(), fake.changes());
  }

  @Test
  void aDrainSaysWhoWouldMissATargetAndLinksEachRequest() {
    fake.say(
        "POST /admin/v1/replicas/drained/drain",
        200,
        """
        {"grace_ms": 30000, "expected_ms": 900, "expected_moves": 0, "bounded": true,
          "requests": 3, "finish": 3, "migrate": 0, "restart": 0, "wait": 0,
          "slo": [{"class": "interactive", "requests": 3, "at_risk": 2}],
          "forecasts": [{"request": "chat-7", "stream": true, "tokens": 40, "fate": "migrate",
            "remaining_ms": 900, "cost_ms": 30}]}\
        """);
    as(Role.OPERATOR);
    ReplicaPresenter presenter = presenter("drained");

    List<String> effects = presenter.change(Command.DRAIN, person(Role.OPERATOR)).effects();

    assertTrue(
        effects.contains("2 of 3 of the class interactive would miss a target by this alone."),
        effects.toString());
    assertEquals(
        List.of(
            new Forecast.Request(
                "chat-7",
                "goes on at another worker",
                "40 tokens so far, would end there in 900 ms")),
        presenter.planned());
  }

  /** Another replica beside those that the fake gateway has, with a slow rank. */
  private static void sayThatOneLeaves() {
    JsonNode replicas =
        JsonMapper.shared()
            .readTree(ReplicaViewTest.class.getResourceAsStream("/fake/replicas.json"));
    for (JsonNode replica : List.copyOf(replicas.path("replicas").values())) {
      if (replica.path("state").asString("").equals("DRAINING")) {
        ObjectNode leaving = ((ObjectNode) replica.deepCopy()).put("id", "leaving");
        ((ArrayNode) leaving.path("report").path("stragglers"))
            .addObject()
            .put("stage", 0)
            .put("rank", 1);
        ((ArrayNode) replicas.path("replicas")).add(leaving);
      }
    }
    fake.say("GET /admin/v1/replicas", 200, replicas.toString());
  }

  @Test
  void aDrainThatGoesOnLinksWhatRemains() {
    sayThatOneLeaves();
    fake.say(
        "GET /admin/v1/replicas/leaving",
        200,
        """
        {"drain": {"requests": 2, "finished_in_place": 1, "migrated": 0, "restarted": 0,
          "abandoned": 0, "broken": 0, "remaining": 1, "between": 0, "longest_pause_ms": 0,
          "duration_ms": 400, "done": false, "expected_ms": 1200, "remaining_requests": [
            {"id": "chat/8", "stream": true, "tokens": 12, "fate": "wait", "why": "cannot_move",
              "remaining_ms": 1200}]}}\
        """);
    as(Role.VIEWER);
    Await.until(() -> presenter("leaving").state().equals("DRAINING"));
    Await.until(() -> Objects.requireNonNull(presenter("leaving").drain()).has("expected_ms"));

    go("replicas/gw/leaving");

    assertTrue(text().contains("Empty in about"), text());
    assertTrue(text().contains("1.20 s"), text());
    assertTrue(text().contains("nobody else can go on with it"), text());
    assertTrue(
        find(Anchor.class).all().stream()
            .anyMatch(a -> a.getHref().equals("requests/gw/chat%2F8")));
  }

  @Test
  void aSlowRankLeadsToTheRequestsThatWaitedForIt() {
    sayThatOneLeaves();
    as(Role.VIEWER);
    Await.until(() -> !presenter("leaving").slow().isEmpty());

    go("replicas/gw/leaving");

    assertTrue(text().contains("Held up by stage 0, rank 1."), text());
    Anchor link =
        find(Anchor.class)
            .withCondition(a -> a.getText().equals("5 requests waited for it"))
            .single();
    assertEquals("requests?replica=leaving&waited_for=0.1", link.getHref());
  }

  private static void sayThatItIsTheLastOne(boolean last) {
    fake.say(
        "POST /admin/v1/replicas/w0/drain",
        200,
        """
        {"grace_ms": 30000, "expected_ms": 4200, "expected_moves": 1.0, "bounded": true,
          "requests": 3, "finish": 2, "migrate": 1, "restart": 0, "wait": 0, "forecasts": [],
          "last_ready": %s}\
        """
            .formatted(last));
  }

  @Test
  void theLastReadyReplicaIsDrainedOnceThatWasAgreedTo() {
    sayThatItIsTheLastOne(true);
    as(Role.OPERATOR);
    go("replicas/gw/w0");
    test(button("Drain")).click();
    Checkbox agreement = find(Checkbox.class).single();
    assertEquals(
        "It is the last ready replica of switchboard-demo: requests for it are answered 503 then",
        agreement.getLabel());
    test(find(TextArea.class).single()).setValue("new disk");

    test(button("Drain w0")).click();
    assertEquals(List.of(), fake.changes());
    assertTrue(text().contains("Tick the box"), text());

    test(agreement).click();
    test(button("Drain w0")).click();
    assertEquals("/admin/v1/replicas/w0/drain", fake.changes().getFirst().path());
  }

  @Test
  void oneOfSeveralReadyReplicasIsDrainedWithoutThat() {
    sayThatItIsTheLastOne(false);
    as(Role.OPERATOR);
    go("replicas/gw/w0");
    test(button("Drain")).click();
    assertEquals(0, find(Checkbox.class).all().size());
    test(find(TextArea.class).single()).setValue("new disk");

    test(button("Drain w0")).click();

    assertEquals("/admin/v1/replicas/w0/drain", fake.changes().getFirst().path());
  }

  @Test
  void aWeightSaysWhichShareComesOfIt() {
    List<String> effects = presenter("w0").weigh(0).effects();

    assertTrue(effects.get(1).contains("to 0 %"), effects.toString());
  }

  @ParameterizedTest
  @EnumSource(Role.class)
  void buttonsAreForOperators(Role role) {
    as(role);
    go("replicas/gw/w0");

    Button drain = button("Drain");

    assertEquals(role.includes(Role.OPERATOR), drain.isEnabled());
  }

  private Button button(String text) {
    return find(Button.class).all().stream()
        .filter(button -> button.getText().equals(text))
        .findFirst()
        .orElseThrow();
  }

  @Test
  void nothingIsDoneWithoutAReason() {
    as(Role.OPERATOR);
    go("replicas/gw/w0");
    test(button("Cordon")).click();

    test(button("Cordon w0")).click();

    assertTrue(find(TextArea.class).single().isInvalid());
    assertEquals(List.of(), fake.changes());
  }

  @Test
  void withAReasonItIsDone() {
    as(Role.OPERATOR);
    go("replicas/gw/w0");
    test(button("Cordon")).click();
    test(find(TextArea.class).single()).setValue("disk is failing");

    test(button("Cordon w0")).click();

    assertEquals("/admin/v1/replicas/w0/cordon", fake.changes().getFirst().path());
    assertEquals(0, find(TextArea.class).all().size());
  }

  @Test
  void whoConfirmsTwiceBeforeTheBrowserHearsOfItRestartsOnce() {
    as(Role.OPERATOR);
    go("replicas/gw/w0");
    test(button("Restart")).click();
    test(find(TextArea.class).single()).setValue("it leaks");
    Button confirm = button("Restart w0");

    confirm.click();
    confirm.click();

    assertEquals(1, fake.changes().size());
  }

  @Test
  void showsRanksStepsAndLog() {
    as(Role.VIEWER);
    go("replicas/gw/w0");
    Await.until(() -> presenter("w0").ranks().stages() == 2 && !presenter("w0").log().isEmpty());
    Await.until(() -> !presenter("w0").ranks().stepTable().isEmpty());

    Ranks ranks = presenter("w0").ranks();

    assertEquals(4, ranks.map(Metric.COMPUTE).cells().size());
    assertEquals(4, ranks.table().size());
    assertEquals(3, ranks.stepTable().size());
    assertEquals(12, ranks.lanes().bars().size());
  }

  @Test
  void aNameThatAPathEncodesIsFoundByItsLink() {
    as(Role.VIEWER);

    UI.getCurrent().navigate(Paths.replica("gw", "<img src=x onerror=alert(1)>"));

    assertTrue(text().contains("<img src=x onerror=alert(1)>"), text());
    assertEquals("replicas/127.0.0.1:9901/a%2Bb", Paths.replica("127.0.0.1:9901", "a+b"));
  }

  @Test
  void anUnknownGatewayIsNotFound() {
    as(Role.VIEWER);

    go("replicas/other/w0");

    assertInstanceOf(NotFoundView.class, getCurrentView());
  }

  private static String plan(int requests, boolean last, String request) {
    return """
    {"grace_ms": 30000, "expected_ms": 4200, "expected_moves": 0, "bounded": true,
      "requests": %d, "finish": %d, "migrate": 0, "restart": 0, "wait": 0, "last_ready": %s,
      "forecasts": [{"request": "%s", "stream": true, "tokens": 40, "fate": "finish",
        "remaining_ms": 900, "cost_ms": 30}]}\
    """
        .formatted(requests, requests, last, request);
  }

  /** Between two looks others may have come, and other replicas have gone. */
  @Test
  void whoReadsAgainIsToldWhatADrainComesToNow() {
    String drain = "POST /admin/v1/replicas/w0/drain";
    fake.say(drain + "?plan=true", 200, plan(1, false, "chat-1"));
    fake.say(drain, 412, "{\"error\": {\"code\": \"version_changed\", \"message\": \"Changed.\"}}");
    fake.say(
        "GET /admin/v1/replicas/w0",
        200,
        "{\"id\": \"w0\", \"state\": \"READY\", \"version\": \"v9\"}");
    as(Role.OPERATOR);
    go("replicas/gw/w0");
    test(button("Drain")).click();
    test(find(TextArea.class).single()).setValue("new disk");
    test(button("Drain w0")).click();
    fake.say(drain + "?plan=true", 200, plan(9, true, "chat-9"));

    test(button("Read again")).click();

    String said = find(Dialog.class).single().getElement().getTextRecursively();
    assertTrue(said.contains("9 requests run there: 9 finish there."), said);
    assertTrue(said.contains("chat-9") && !said.contains("chat-1"), said);
    assertTrue(find(Checkbox.class).single().getLabel().contains("the last ready replica"), said);
    fake.say(drain, 200, "{\"id\": \"w0\"}");
    test(find(Checkbox.class).single()).click();
    test(button("Drain w0")).click();
    assertEquals("v9", fake.changes().getLast().headers().get("if-match"));
    List.of(drain, drain + "?plan=true", "GET /admin/v1/replicas/w0").forEach(fake::unsay);
  }
}

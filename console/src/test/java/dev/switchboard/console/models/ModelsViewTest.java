package dev.switchboard.console.models;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.vaadin.flow.component.button.Button;
import dev.switchboard.console.action.Change;
import dev.switchboard.console.action.Result;
import dev.switchboard.console.api.FakeGateway;
import dev.switchboard.console.api.Role;
import dev.switchboard.console.ui.ConsoleViewTest;
import dev.switchboard.console.ui.Services;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class ModelsViewTest extends ConsoleViewTest {
  @BeforeAll
  static void fill() {
    fake.say(
        "GET /admin/v1/models",
        200,
        """
        {"models": [{"id": "m", "replicas": ["w0", "w1"], "ready": 2, "loading": null,
          "metadata": {"architecture": "qwen3", "parameters": 600000000, "quantisation": "Q8_0",
            "context": 4096, "fingerprint": "f", "loaded_since": "2026-01-31T08:00:00Z"},
          "spec": {"origin": "file", "loaded": true, "file": "m.gguf", "bytes": 1, "workers": 2,
            "standby": 1, "stages": 2, "ranks": 4}, "version": "v1"}]}\
        """);
    fake.say(
        "GET /admin/v1/splits",
        200,
        """
        {"splits": [{"version": "s4", "name": "<b>chat", "stored": true,
          "targets": [{"model": "m", "weight": 9}, {"model": "n", "weight": 1}], "fallbacks": ["o"],
          "policy": null, "shadow": "random",
          "shadow_results": {"policy": "default", "shadow": "random", "decisions": 200, "broken": 0,
            "agree": 0.75, "samples": 10, "regret_ms": 4.5}}]}\
        """);
    fake.say(
        "GET /admin/v1/replicas/restart",
        200,
        """
        {"done": false, "failed": false, "seconds": 12, "workers": [
          {"id": "w0", "step": "DONE", "seconds": 9, "drain": null},
          {"id": "w1", "step": "RUNNING", "seconds": 3, "drain": null}]}\
        """);
  }

  private static ModelsPresenter presenter() {
    ModelsPresenter presenter = new ModelsPresenter(gateway());
    await(
        () ->
            presenter.models().size() == 1
                && presenter.splits().size() == 1
                && presenter.rolling() != null);
    return presenter;
  }

  private static SplitRow split(String name, List<SplitRow.Target> targets) {
    return new SplitRow(name, "", true, targets, List.of("o"), "", "random", "");
  }

  static Stream<Arguments> changesByRole() {
    ModelsPresenter presenter = presenter();
    SplitRow before = presenter.splits().getFirst();
    Change set = presenter.set(before, split("<b>chat", List.of(new SplitRow.Target("m", 1))));
    Change make = presenter.set(null, split("new", List.of(new SplitRow.Target("m", 1))));
    return Stream.of(Role.values())
        .flatMap(
            role ->
                Stream.of(
                    Arguments.of(
                        role,
                        presenter.restart(presenter.models().getFirst()),
                        Role.OPERATOR,
                        "POST /admin/v1/replicas/restart "),
                    Arguments.of(role, set, Role.ADMIN, "PUT /admin/v1/splits/%3Cb%3Echat s4"),
                    Arguments.of(role, make, Role.ADMIN, "PUT /admin/v1/splits/new none"),
                    Arguments.of(
                        role,
                        presenter.forget(before),
                        Role.ADMIN,
                        "DELETE /admin/v1/splits/%3Cb%3Echat s4")));
  }

  @ParameterizedTest
  @MethodSource("changesByRole")
  void eachChangeTakesItsRole(Role role, Change change, Role needs, String route) {
    Result result = Services.get().changes().run(gateway(), change, person(role), "a test");

    if (role.includes(needs)) {
      assertInstanceOf(Result.Done.class, result);
      FakeGateway.Call call = fake.changes().getFirst();
      String version = call.headers().getOrDefault("if-match", "");
      assertEquals(route, call.method() + " " + call.path() + " " + version);
    } else {
      assertInstanceOf(Result.Denied.class, result);
      assertEquals(List.of(), fake.changes());
    }
  }

  @Test
  void whatIsKnownOfAModelIsToldInALine() {
    ModelRow model = presenter().models().getFirst();

    assertEquals("qwen3, 600M parameters, Q8_0, context 4,096", model.about());
    assertEquals("2 workers, 1 standby, 2 × 4", model.served());
  }

  @Test
  void aChangeOfSharesSaysWhatMoves() {
    SplitRow before = presenter().splits().getFirst();
    List<SplitRow.Target> half = SplitForm.parse("1 m\n1 n\n");

    List<String> effects = presenter().set(before, split("<b>chat", half)).effects();

    assertEquals("m: 90 % → 50 % of requests", effects.get(0));
    assertEquals("n: 10 % → 50 % of requests", effects.get(1));
    assertEquals(3, effects.size(), effects.toString());
    assertEquals(
        List.of("Nothing changes"),
        presenter().set(before, split("<b>chat", SplitForm.parse("9 m\n1 n"))).effects());
  }

  @Test
  void targetsAreLinesOfWeightAndModel() {
    assertEquals(
        List.of(new SplitRow.Target("a/b", 2.5), new SplitRow.Target("c", 1)),
        SplitForm.parse(" 2.5 a/b \n\nc\n"));
  }

  @Test
  void shadowsSayWhatTheyWouldHaveComeTo() {
    assertEquals(
        "agrees on 75 % of 200, regret 4.50 ms", presenter().splits().getFirst().shadowResults());
  }

  @Test
  void aRollingRestartHasAStepForEachWorker() {
    ModelsPresenter.Rolling rolling = Objects.requireNonNull(presenter().rolling());

    assertEquals(
        List.of("DONE", "RUNNING"),
        rolling.steps().stream().map(ModelsPresenter.Step::step).toList());
  }

  @Test
  void theViewShowsModelsNamesAndTheRestart() {
    as(Role.VIEWER);
    presenter();
    navigate(ModelsView.class);

    assertTrue(text().contains("1 model, 1 name"), text());
    assertTrue(text().contains("Running"), text());
    assertFalse(find(Button.class).withText("Set a name").single().isEnabled());
  }
}

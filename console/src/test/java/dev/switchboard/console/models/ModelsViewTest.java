package dev.switchboard.console.models;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.vaadin.flow.component.button.Button;
import com.vaadin.flow.component.checkbox.Checkbox;
import com.vaadin.flow.component.combobox.ComboBox;
import com.vaadin.flow.component.dialog.Dialog;
import com.vaadin.flow.component.grid.Grid;
import com.vaadin.flow.component.html.Span;
import com.vaadin.flow.component.textfield.IntegerField;
import com.vaadin.flow.component.textfield.NumberField;
import com.vaadin.flow.component.textfield.TextArea;
import com.vaadin.flow.component.textfield.TextField;
import dev.switchboard.console.action.Change;
import dev.switchboard.console.action.Result;
import dev.switchboard.console.api.FakeGateway;
import dev.switchboard.console.api.Role;
import dev.switchboard.console.ui.ConsoleViewTest;
import dev.switchboard.console.ui.Services;
import dev.switchboard.testing.Await;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.json.JsonMapper;

class ModelsViewTest extends ConsoleViewTest {
  private static final int ACTIONS = 4;

  @BeforeAll
  static void fill() {
    fake.say(
        "GET /admin/v1/models",
        200,
        """
        {"models": [{"id": "m", "replicas": ["w0", "w1"], "ready": 2,
          "loading": {"done_bytes": 256, "total_bytes": 1024,
            "expected_ready": "2026-01-31T08:00:30Z"},
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

  private static final String FITS =
      """
      {"model": {}, "starts": 1, "leaves": [], "restarts": [], "interrupts": false,
        "needs_confirmation": false, "memory": {"weight_bytes": 3699712, "kv_bytes": 268435456,
          "scratch_bytes": 11573952, "jvm_bytes": 459735040, "kv_tokens": 131072,
          "worker_bytes": 743444160, "needed_bytes": 743444160, "free_bytes": 20759613440},
        "fits": true, "load_ms": 9000, "expected_ms": 9500}\
      """;
  private static final String LEAVES =
      """
      {"starts": 0, "leaves": [{"id": "w3", "state": "READY", "in_flight": 0,
          "memory_bytes": 468942848, "drain": {"requests": 0}}],
        "restarts": [], "interrupts": true, "needs_confirmation": true, "memory": null,
        "fits": true, "load_ms": null, "expected_ms": 0}\
      """;
  private static final ModelPlans.Wanted SMALL =
      new ModelPlans.Wanted("small.gguf", "second", 1, null, null, null);

  private static Change possible(Planned planned) {
    return assertInstanceOf(Planned.Possible.class, planned, planned.toString()).change();
  }

  static Stream<Arguments> modelChangesByRole() {
    sayPlans();
    ModelRow model = presenter().models().getFirst();
    ModelPlans plans = new ModelPlans(gateway());
    ModelPlans.Wanted more = new ModelPlans.Wanted(null, "", 3, null, null, null);
    return Stream.of(Role.values())
        .flatMap(
            role ->
                Stream.of(
                    Arguments.of(
                        role,
                        possible(plans.load(SMALL, Role.ADMIN)),
                        "POST /admin/v1/models none {\"file\":\"small.gguf\",\"workers\":1,"
                            + "\"name\":\"second\"}"),
                    Arguments.of(
                        role,
                        possible(plans.change(model, more, Role.ADMIN)),
                        "PATCH /admin/v1/models/m v1 {\"workers\":3}"),
                    Arguments.of(
                        role,
                        possible(plans.unload(model, Role.ADMIN)),
                        "DELETE /admin/v1/models/m?confirm=true v1 "),
                    Arguments.of(
                        role,
                        possible(plans.reset(model, Role.ADMIN)),
                        "POST /admin/v1/models/m/reset v1 {}")));
  }

  private static void sayPlans() {
    fake.say("POST /admin/v1/models", 200, FITS);
    fake.say("PATCH /admin/v1/models/m", 200, FITS);
    fake.say("DELETE /admin/v1/models/m", 200, LEAVES);
    fake.say("POST /admin/v1/models/m/reset", 200, FITS);
  }

  @ParameterizedTest
  @MethodSource("modelChangesByRole")
  void modelsAreOnlyChangedByAdmins(Role role, Change change, String call) {
    sayPlans();
    Result result = Services.get().changes().run(gateway(), change, person(role), "a test");

    if (role == Role.ADMIN) {
      assertInstanceOf(Result.Done.class, result);
      FakeGateway.Call made = fake.changes().getFirst();
      String version = made.headers().getOrDefault("if-match", "");
      assertEquals(call, made.method() + " " + made.path() + " " + version + " " + made.body());
    } else {
      assertInstanceOf(Result.Denied.class, result);
      assertEquals(List.of(), fake.changes());
    }
  }

  @Test
  void aPlanSaysWhatIsNeededWhatIsFreeAndHowLong() {
    sayPlans();

    List<String> effects = possible(new ModelPlans(gateway()).load(SMALL, Role.ADMIN)).effects();

    assertEquals(
        List.of(
            "1 worker starts.",
            "Memory: 709 MiB needed, 19.3 GiB free. A worker takes 709 MiB: weights 3.53 MiB, KV"
                + " cache 256 MiB for 131k tokens, scratch 11.0 MiB, JVM 438 MiB.",
            "All is done in about 9.50 s; a worker loads in 9 s."),
        effects);
    assertEquals(List.of(), fake.changes());
  }

  @Test
  void aPlanSaysWhoLeavesAndThatNobodyIsLeft() {
    sayPlans();

    Change change =
        possible(new ModelPlans(gateway()).unload(presenter().models().getFirst(), Role.ADMIN));

    assertEquals(
        List.of(
            "w3 leaves (Ready, holds 447 MiB). Nothing runs there now: it is empty at once.",
            "No replica of the model is ready meanwhile, or any more: its requests are refused.",
            "All is done in about 0 ms."),
        change.effects());
    assertTrue(change.risky());
  }

  @Test
  void whatDoesNotFitIsRefusedWithTheGatewaysNumbers() {
    String small = "\"free_bytes\": 643444160";
    fake.say(
        "POST /admin/v1/models",
        200,
        FITS.replace("\"free_bytes\": 20759613440", small)
            .replace("\"fits\": true", "\"fits\": false"));

    Planned planned = new ModelPlans(gateway()).load(SMALL, Role.ADMIN);

    String why = assertInstanceOf(Planned.Refused.class, planned).why();
    assertTrue(
        why.startsWith(
            "It does not fit. Memory: 709 MiB needed, 614 MiB free, 95.4 MiB too little."),
        why);
  }

  @Test
  void theGatewaysOwnWordIsToldWhereItRefusesToPlan() {
    fake.say(
        "POST /admin/v1/models",
        409,
        "{\"error\": {\"code\": \"no_model_folder\", \"param\": null, \"message\": \"No"
            + " folder.\"}}");

    Planned planned = new ModelPlans(gateway()).load(SMALL, Role.ADMIN);

    String why = assertInstanceOf(Planned.Refused.class, planned).why();
    assertTrue(why.contains("No folder."), why);
  }

  @Test
  void anAdminLoadsAModelByPlanningAndApplying() {
    sayPlans();
    fake.say(
        "GET /admin/v1/model-files",
        200,
        """
        {"folder": "/srv", "complete": true, "files": [
          {"file": "small.gguf", "bytes": 3761600, "parts": 1, "servable": true, "problem": null,
            "name": "x", "architecture": "llama", "parameters": 3475712, "quantisation": "Q8_0",
            "context": 2048, "models": []},
          {"file": "odd.gguf", "bytes": 5, "parts": 1, "servable": false, "problem": "too short",
            "models": []}]}\
        """);
    as(Role.ADMIN);
    presenter();
    navigate(ModelsView.class);
    test(find(Button.class).withText("Load a model").single()).click();
    @SuppressWarnings("unchecked")
    ComboBox<ModelFile> files = find(ComboBox.class).withLabel("File").single();
    assertEquals("1 more cannot be served", files.getHelperText());
    files.setValue(files.getListDataView().getItem(0));
    assertEquals(
        "3.59 MiB, llama, 3.48M parameters, Q8_0, 2,048 tokens of context", files.getHelperText());
    test(find(Button.class).withText("Plan").single()).click();
    find(TextArea.class).withLabel("Reason").single().setValue("more room");
    test(find(Button.class).withText("Load small.gguf").single()).click();

    FakeGateway.Call made = fake.changes().getFirst();
    assertEquals("POST /admin/v1/models", made.method() + " " + made.path());
    assertEquals("{\"file\":\"small.gguf\"}", made.body());
  }

  @Test
  void aLoadSaysHowFarItHasCome() {
    ModelRow.Loading loading = Objects.requireNonNull(presenter().models().getFirst().loading());

    assertEquals(0.25, loading.share());
    assertEquals("256 B of 1 KiB, ready about 08:00:30", loading.text());
  }

  private static ModelsPresenter presenter() {
    ModelsPresenter presenter = new ModelsPresenter(gateway());
    Await.until(
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
  void ofAModelWithGroupsEachIsToldAndNoNumberCanBeSet() {
    ModelRow model =
        ModelsPresenter.model(
            new JsonMapper()
                .readTree(
                    """
                    {"id": "m", "replicas": [], "ready": 0, "version": "v1",
                      "spec": {"origin": "file", "loaded": true, "file": "m.gguf", "bytes": 1,
                        "workers": 3, "standby": 1, "stages": 1, "ranks": 1, "groups": [
                          {"device": "cuda", "workers": 2, "standby": 0, "devices": ["0", "1"],
                            "stages": 1, "ranks": 1},
                          {"device": "cpu", "workers": 1, "standby": 1, "devices": [],
                            "stages": 1, "ranks": 2}]}}\
                    """));

    assertEquals("2 workers, 1 × 1 on cuda; 1 worker, 1 standby, 1 × 2 on cpu", model.served());
    as(Role.ADMIN);
    presenter();
    navigate(ModelsView.class);
    new ModelForm(gateway(), model, () -> {}).open();
    assertEquals(List.of(), find(IntegerField.class).all());
    new ModelForm(gateway(), presenter().models().getFirst(), () -> {}).open();
    assertEquals(4, find(IntegerField.class).all().size());
  }

  @Test
  void aChangeOfSharesSaysWhatMoves() {
    SplitRow before = presenter().splits().getFirst();
    List<SplitRow.Target> half = targets(1, 1);

    List<String> effects = presenter().set(before, split("<b>chat", half)).effects();

    assertEquals("m: 90 % → 50 % of requests", effects.get(0));
    assertEquals("n: 10 % → 50 % of requests", effects.get(1));
    assertEquals(3, effects.size(), effects.toString());
    assertEquals(
        List.of("Nothing changes"),
        presenter().set(before, split("<b>chat", targets(9, 1))).effects());
  }

  private static List<SplitRow.Target> targets(double m, double n) {
    return List.of(new SplitRow.Target("m", m), new SplitRow.Target("n", n));
  }

  @Test
  void sharesMustBeAHundredTogether() {
    as(Role.ADMIN);
    presenter();
    Shares shares = new Shares(List.of("m", "n"), targets(2, 1));
    assertEquals("", shares.problem());
    assertEquals(List.of(66.7, 33.3), shares.targets().stream().map(t -> t.weight()).toList());
    List<NumberField> fields = fields(shares);

    fields.getFirst().setValue(50.0);

    assertEquals("The shares must be 100 % together, not 83.3 %", shares.problem());
    fields.getLast().setValue(50.0);
    assertEquals("", shares.problem());
    fields.getLast().setValue(0.0);
    assertTrue(shares.problem().startsWith("Each share must be above 0 %"), shares.problem());
    assertEquals("Choose a model", new Shares(List.of(), List.of()).problem());
  }

  private static List<NumberField> fields(com.vaadin.flow.component.Component of) {
    return of.getChildren()
        .flatMap(c -> c instanceof NumberField f ? Stream.of(f) : fields(c).stream())
        .toList();
  }

  @Test
  void aSplitThatIsNotAHundredIsNotSent() {
    as(Role.ADMIN);
    presenter();
    navigate(ModelsView.class);
    test(find(Button.class).withText("Set a name").single()).click();
    find(TextField.class).withLabel("Name").single().setValue("chat");
    find(TextArea.class).withLabel("Reason").single().setValue("a test");
    find(NumberField.class).single().setValue(90.0);

    test(find(Button.class).withText("Set chat").single()).click();

    assertEquals(List.of(), fake.changes());
    assertTrue(
        find(Span.class).all().stream()
            .anyMatch(s -> s.getText().equals("The shares must be 100 % together, not 90 %")));
    find(NumberField.class).single().setValue(100.0);
    test(find(Button.class).withText("Set chat").single()).click();
    assertTrue(fake.changes().getFirst().body().contains("\"weight\":100.0"));
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
    assertFalse(find(Button.class).withText("Load a model").single().isEnabled());
  }

  /** A button of the first model's row. */
  private Button ofRow(String word) {
    Grid<?> models =
        find(Grid.class).all().stream()
            .filter(g -> "Models".equals(g.getElement().getAttribute("aria-label")))
            .findFirst()
            .orElseThrow();
    return test(models)
        .getCellComponent(0, ACTIONS)
        .getChildren()
        .map(Button.class::cast)
        .filter(button -> button.getText().equals(word))
        .findFirst()
        .orElseThrow();
  }

  private void open(Role role) {
    sayPlans();
    as(role);
    presenter();
    navigate(ModelsView.class);
  }

  @ParameterizedTest
  @EnumSource(Role.class)
  void buttonsOfAModelAreForTheRolesThatMay(Role role) {
    open(role);

    assertEquals(role.includes(Role.OPERATOR), ofRow("Restart").isEnabled());
    assertEquals(role == Role.ADMIN, ofRow("Unload").isEnabled());
    assertEquals(role == Role.ADMIN, ofRow("Change").isEnabled());
  }

  private String dialog() {
    return find(Dialog.class).single().getElement().getTextRecursively();
  }

  private void confirm(String title) {
    find(TextArea.class).withLabel("Reason").single().setValue("a test");
    test(find(Button.class).withText(title).single()).click();
  }

  @Test
  void anOperatorRestartsTheWorkersOfAModel() {
    open(Role.OPERATOR);
    ofRow("Restart").click();
    assertTrue(dialog().contains("one after another"), dialog());

    confirm("Restart workers of m");

    FakeGateway.Call made = fake.changes().getFirst();
    assertEquals("POST /admin/v1/replicas/restart", made.method() + " " + made.path());
    assertEquals("{\"model\":\"m\"}", made.body());
  }

  @Test
  void anAdminUnloadsAModelOnceItsPlanWasRead() {
    open(Role.ADMIN);
    ofRow("Unload").click();
    assertTrue(dialog().contains("w3 leaves (Ready, holds 447 MiB)"), dialog());
    find(Checkbox.class).all().stream().filter(Checkbox::isVisible).forEach(b -> b.setValue(true));

    confirm("Unload m");

    FakeGateway.Call made = fake.changes().getFirst();
    assertEquals("DELETE /admin/v1/models/m?confirm=true", made.method() + " " + made.path());
  }

  /** What is on the second page is not silently left out. */
  @Test
  void namesAndFilesOfAllPagesAreShown() throws Exception {
    String names = "GET /admin/v1/splits?limit=1000";
    String files = "GET /admin/v1/model-files?limit=1000";
    fake.say(names, 200, "{\"splits\": [{\"name\": \"a b\"}], \"next\": \"a b\"}");
    fake.say(names + "&after=a%20b", 200, "{\"splits\": [{\"name\": \"z\"}]}");
    fake.say(files, 200, "{\"files\": [{\"file\": \"a.gguf\"}], \"next\": \"a.gguf\"}");
    fake.say(files + "&after=a.gguf", 200, "{\"files\": [{\"file\": \"z.gguf\"}]}");
    ModelsPresenter presenter = new ModelsPresenter(gateway());

    Await.until(() -> presenter.splits().stream().anyMatch(split -> split.name().equals("z")));
    List<ModelFile> found = new ModelPlans(gateway()).files(Role.ADMIN);

    assertEquals(List.of("a.gguf", "z.gguf"), found.stream().map(ModelFile::file).toList());
    assertEquals(List.of("a b", "z"), presenter.splits().stream().map(SplitRow::name).toList());
    List.of(names, names + "&after=a%20b", files, files + "&after=a.gguf").forEach(fake::unsay);
    Await.until(() -> presenter.splits().stream().noneMatch(split -> split.name().equals("z")));
  }
}

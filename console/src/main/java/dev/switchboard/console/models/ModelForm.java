package dev.switchboard.console.models;

import com.vaadin.flow.component.button.Button;
import com.vaadin.flow.component.combobox.ComboBox;
import com.vaadin.flow.component.dialog.Dialog;
import com.vaadin.flow.component.html.Div;
import com.vaadin.flow.component.html.Span;
import com.vaadin.flow.component.textfield.IntegerField;
import com.vaadin.flow.component.textfield.TextField;
import dev.switchboard.console.api.ApiFailure;
import dev.switchboard.console.api.Role;
import dev.switchboard.console.auth.Person;
import dev.switchboard.console.live.LiveGateway;
import dev.switchboard.console.ui.ActionDialog;
import dev.switchboard.console.ui.Icon;
import dev.switchboard.console.ui.Parts;
import dev.switchboard.console.ui.Visit;
import java.util.List;
import java.util.function.ToIntFunction;
import org.jspecify.annotations.Nullable;

/** Asks how a model is to be served, has the gateway plan it, and shows the plan to be applied. */
final class ModelForm extends Dialog {
  private static final int WORKERS_MAX = 64;
  private static final int PARTS_MAX = 16;

  private final LiveGateway gateway;
  private final ModelPlans plans;
  private final @Nullable ModelRow before;
  private final Runnable then;
  private final ComboBox<ModelFile> file = new ComboBox<>("File");
  private final TextField name = new TextField("Name");
  private final IntegerField workers = number("Workers", 1, WORKERS_MAX);
  private final IntegerField standby = number("Standby", 0, WORKERS_MAX);
  private final IntegerField stages = number("Stages", 1, PARTS_MAX);
  private final IntegerField ranks = number("Ranks", 1, PARTS_MAX);
  private final Div outcome = Parts.box("sb-outcome");

  ModelForm(LiveGateway gateway, @Nullable ModelRow before, Runnable then) {
    this.gateway = gateway;
    this.plans = new ModelPlans(gateway);
    this.before = before;
    this.then = then;
    setHeaderTitle(before == null ? "Load a model" : "Change " + before.id());
    setWidth("520px");
    outcome.getElement().setAttribute("role", "alert");
    file.setItemLabelGenerator(ModelFile::file);
    file.setWidthFull();
    file.addValueChangeListener(
        e -> file.setHelperText(e.getValue() == null ? "" : e.getValue().about()));
    name.setHelperText("What clients call it; else the file's name");
    name.setMaxLength(128);
    name.setVisible(before == null);
    present();
    add(Parts.text("sb-dialog-target", "at " + gateway.name()), file);
    add(Parts.box("sb-form", name, workers, standby, stages, ranks), outcome);
    Button plan = new Button("Plan", _ -> plan());
    plan.addThemeNames("primary");
    getFooter().add(new Button("Cancel", _ -> close()), plan);
    readFiles();
  }

  private static IntegerField number(String label, int least, int most) {
    IntegerField field = new IntegerField(label);
    field.setMin(least);
    field.setMax(most);
    field.setStepButtonsVisible(true);
    field.setPlaceholder("as configured");
    return field;
  }

  private void present() {
    ModelRow.Spec spec = before == null ? null : before.spec();
    if (spec != null) {
      file.setPlaceholder(spec.file());
      workers.setValue(spec.workers());
      standby.setValue(spec.standby());
      stages.setValue(spec.stages());
      ranks.setValue(spec.ranks());
      if (spec.grouped()) {
        List.of(workers, standby, stages, ranks).forEach(number -> number.setVisible(false));
        add(new Span("Its workers are in groups, whose numbers the configuration has."));
      }
    }
  }

  /** Of the person who looks. */
  static Role role() {
    return Visit.person().map(Person::role).orElse(Role.VIEWER);
  }

  private void readFiles() {
    try {
      List<ModelFile> files = plans.files(role());
      file.setItems(files.stream().filter(ModelFile::servable).toList());
      long broken = files.stream().filter(f -> !f.servable()).count();
      if (files.isEmpty()) {
        file.setHelperText("The gateway's folder holds no GGUF file");
      } else if (broken > 0) {
        file.setHelperText(broken + " more cannot be served");
      }
    } catch (ApiFailure e) {
      show("The files cannot be read: " + e.sentence());
    }
  }

  private void plan() {
    outcome.removeAll();
    ModelFile chosen = file.getValue();
    if (before == null && chosen == null) {
      file.setErrorMessage("Choose a file");
      file.setInvalid(true);
      return;
    }
    ModelPlans.Wanted wanted =
        new ModelPlans.Wanted(
            chosen == null ? null : chosen.file(),
            name.getValue(),
            changed(workers, ModelRow.Spec::workers),
            changed(standby, ModelRow.Spec::standby),
            changed(stages, ModelRow.Spec::stages),
            changed(ranks, ModelRow.Spec::ranks));
    Planned planned =
        before == null ? plans.load(wanted, role()) : plans.change(before, wanted, role());
    switch (planned) {
      case Planned.Refused refused -> show(refused.why());
      case Planned.Possible possible -> {
        close();
        apply(gateway, possible, then);
      }
    }
  }

  /** Only what is another one is asked for. */
  private @Nullable Integer changed(IntegerField field, ToIntFunction<ModelRow.Spec> was) {
    ModelRow.Spec spec = before == null ? null : before.spec();
    Integer is = field.getValue();
    return is != null && spec != null && was.applyAsInt(spec) == is ? null : is;
  }

  /** Shows the plan, and does it when somebody says why. */
  static void apply(LiveGateway gateway, Planned.Possible possible, Runnable then) {
    new ActionDialog(gateway, possible::change, _ -> then.run()).open();
  }

  private void show(String text) {
    outcome.removeAll();
    outcome.add(new Icon("alert"), new Span(text));
  }
}

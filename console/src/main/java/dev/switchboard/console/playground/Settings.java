package dev.switchboard.console.playground;

import com.vaadin.flow.component.button.Button;
import com.vaadin.flow.component.combobox.ComboBox;
import com.vaadin.flow.component.html.Div;
import com.vaadin.flow.component.select.Select;
import com.vaadin.flow.component.textfield.Autocomplete;
import com.vaadin.flow.component.textfield.IntegerField;
import com.vaadin.flow.component.textfield.NumberField;
import com.vaadin.flow.component.textfield.PasswordField;
import com.vaadin.flow.component.textfield.TextArea;
import dev.switchboard.console.ui.Parts;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What is sent beside the prompt. */
final class Settings extends Div {
  private static final int DAY_MS = 86_400_000;
  private static final int TOKENS = 200;

  private final Select<String> endpoint = new Select<>();
  private final ComboBox<String> model = new ComboBox<>("Model");
  private final PasswordField key = new PasswordField("API key");
  private final Button make;
  private final NumberField temperature = new NumberField("Temperature");
  private final IntegerField maxTokens = new IntegerField("Most tokens");
  private final ComboBox<String> sloClass = new ComboBox<>("Service class");
  private final IntegerField ttft = new IntegerField("First token, ms");
  private final NumberField tpot = new NumberField("Per token, ms");
  private final IntegerField deadline = new IntegerField("Deadline, ms");
  private final TextArea system = area("System prompt", "");
  private final TextArea schema = area("JSON schema of the answer", "{\"type\": \"object\", …}");
  private final TextArea tools = area("Tools", "[{\"type\": \"function\", …}]");
  private List<String> offered = List.of();
  private List<String> classes = List.of();
  private boolean elsewhere;

  Settings(Runnable makeKey) {
    addClassNames("sb-card", "sb-settings");
    make = Parts.iconButton("key", "Make a key for an hour", makeKey);
    endpoint.setLabel("Endpoint");
    endpoint.setItems("Chat", "Completion");
    endpoint.setValue("Chat");
    model.setAllowCustomValue(true);
    model.addCustomValueSetListener(e -> model.setValue(e.getDetail()));
    model.setWidthFull();
    key.setPlaceholder("none");
    key.setMaxLength(256);
    key.setAutocomplete(Autocomplete.OFF);
    key.setHelperText("Kept in this page only");
    temperature.setMin(0);
    temperature.setMax(2);
    temperature.setStep(0.1);
    temperature.setPlaceholder("default");
    range(maxTokens, 1, 1_000_000);
    maxTokens.setValue(TOKENS);
    sloClass.setAllowCustomValue(true);
    sloClass.setClearButtonVisible(true);
    sloClass.setPlaceholder("none");
    sloClass.addCustomValueSetListener(e -> sloClass.setValue(e.getDetail()));
    range(ttft, 1, DAY_MS);
    range(deadline, 1, DAY_MS);
    tpot.setMin(0.01);
    tpot.setMax(DAY_MS);
    tpot.setPlaceholder("none");
    endpoint.addValueChangeListener(
        _ -> {
          system.setVisible(chat());
          tools.setVisible(chat());
        });
    add(
        Parts.box("sb-card-head", new com.vaadin.flow.component.html.H2("Request")),
        model,
        Parts.box("sb-keyed", key, make),
        Parts.box("sb-form", endpoint, temperature, maxTokens, sloClass, ttft, tpot, deadline),
        system,
        schema,
        tools);
  }

  private static void range(IntegerField field, int least, int most) {
    field.setMin(least);
    field.setMax(most);
    field.setPlaceholder("none");
  }

  private static TextArea area(String label, String example) {
    TextArea area = new TextArea(label);
    area.setPlaceholder(example);
    area.setMaxLength(Ask.TEXT_MAX);
    area.setMaxRows(6);
    area.setWidthFull();
    return area;
  }

  private boolean chat() {
    return "Chat".equals(endpoint.getValue());
  }

  /**
   * Another gateway is asked from now on. It is told no key of the one before, and of what was
   * chosen there stays what it has too.
   */
  void elsewhere() {
    key("");
    elsewhere = true;
  }

  /**
   * Offers what the gateway has; what is chosen stays.
   *
   * @param all whether it has told all that it has
   */
  void offer(List<String> models, List<String> serviceClasses, boolean all, boolean admin) {
    make.setVisible(admin);
    boolean other = elsewhere && all;
    if (other || !models.equals(offered)) {
      offered = models;
      String chosen = kept(other, model.getValue(), models);
      model.setItems(models);
      model.setValue(chosen != null ? chosen : models.isEmpty() ? null : models.getFirst());
    }
    if (other || !serviceClasses.equals(classes)) {
      classes = serviceClasses;
      String chosen = kept(other, sloClass.getValue(), serviceClasses);
      sloClass.setItems(serviceClasses);
      sloClass.setValue(chosen);
    }
    elsewhere = elsewhere && !all;
  }

  private static @Nullable String kept(boolean other, @Nullable String chosen, List<String> there) {
    return chosen == null || (other && !there.contains(chosen)) ? null : chosen;
  }

  String key() {
    return key.getValue();
  }

  void key(String text) {
    key.setValue(text);
  }

  Ask ask(List<Ask.Said> before, String prompt) {
    return new Ask(
        chat(),
        model.getValue() == null ? "" : model.getValue(),
        chat() ? system.getValue() : "",
        chat() ? before : List.of(),
        prompt,
        temperature.getValue(),
        maxTokens.getValue(),
        sloClass.getValue() == null ? "" : sloClass.getValue(),
        ttft.getValue(),
        tpot.getValue(),
        deadline.getValue(),
        schema.getValue(),
        chat() ? tools.getValue() : "");
  }
}

package dev.switchboard.console.tenants;

import com.vaadin.flow.component.Component;
import com.vaadin.flow.component.combobox.ComboBox;
import com.vaadin.flow.component.html.Div;
import com.vaadin.flow.component.textfield.NumberField;
import com.vaadin.flow.data.value.ValueChangeMode;
import dev.switchboard.console.action.Change;
import dev.switchboard.console.live.LiveGateway;
import dev.switchboard.console.ui.ActionDialog;
import dev.switchboard.console.ui.Parts;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Asks for a tenant's limits, and says what would change. */
final class LimitsForm {
  private final LiveGateway gateway;
  private final TenantsPresenter presenter;
  private final @Nullable TenantRow before;
  private final ComboBox<String> name = new ComboBox<>("Tenant");
  private final Map<Limit, NumberField> fields = new EnumMap<>(Limit.class);

  LimitsForm(
      LiveGateway gateway,
      TenantsPresenter presenter,
      @Nullable TenantRow before,
      List<String> names) {
    this.gateway = gateway;
    this.presenter = presenter;
    this.before = before;
    name.setItems(names);
    name.setAllowCustomValue(true);
    name.setPattern("[A-Za-z0-9._-]{1,64}");
    name.setWidthFull();
    name.addCustomValueSetListener(e -> name.setValue(e.getDetail()));
    for (Limit limit : Limit.values()) {
      NumberField field = new NumberField(limit.title());
      field.setMin(limit.least());
      field.setMax(limit.most());
      field.setStep(limit == Limit.WEIGHT ? 0.01 : 1);
      field.setValue(before == null ? limit.unset() : before.limit(limit));
      field.setValueChangeMode(ValueChangeMode.EAGER);
      if (limit.zeroIsNone()) {
        field.setHelperText("0 for no limit");
      }
      fields.put(limit, field);
    }
  }

  void open(Runnable then) {
    Div grid = Parts.box("sb-form");
    fields.values().forEach(grid::add);
    Component[] inputs = before == null ? new Component[] {name, grid} : new Component[] {grid};
    ActionDialog dialog = new ActionDialog(gateway, this::change, _ -> then.run(), inputs);
    fields.values().forEach(field -> field.addValueChangeListener(_ -> dialog.update()));
    name.addValueChangeListener(_ -> dialog.update());
    dialog.open();
  }

  private Change change() {
    Map<Limit, Double> wanted = new EnumMap<>(Limit.class);
    fields.forEach(
        (limit, field) ->
            wanted.put(limit, field.getValue() == null ? limit.unset() : field.getValue()));
    String who = before == null ? String.valueOf(name.getValue()) : before.name();
    return presenter.set(
        name.getValue() == null && before == null ? "a tenant" : who, before, wanted);
  }
}

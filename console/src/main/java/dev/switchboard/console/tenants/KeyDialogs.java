package dev.switchboard.console.tenants;

import com.vaadin.flow.component.checkbox.Checkbox;
import com.vaadin.flow.component.combobox.ComboBox;
import com.vaadin.flow.component.select.Select;
import com.vaadin.flow.component.textfield.TextField;
import com.vaadin.flow.data.value.ValueChangeMode;
import dev.switchboard.console.live.LiveGateway;
import dev.switchboard.console.ui.ActionDialog;
import dev.switchboard.console.ui.Format;
import dev.switchboard.console.ui.Parts;
import java.time.Duration;
import java.util.List;

/** Asks what a new key is to be, or how long the one before it stays. */
final class KeyDialogs {
  private static final List<Duration> VALID =
      List.of(
          Duration.ofHours(1),
          Duration.ofDays(1),
          Duration.ofDays(30),
          Duration.ofDays(90),
          Duration.ofDays(365),
          Duration.ZERO);
  private static final List<Duration> OVERLAPS =
      List.of(
          Duration.ZERO,
          Duration.ofMinutes(10),
          Duration.ofHours(1),
          Duration.ofDays(1),
          Duration.ofDays(7),
          Duration.ofDays(30));

  private KeyDialogs() {}

  static void create(
      LiveGateway gateway, TenantsPresenter presenter, List<String> tenants, Runnable then) {
    TextField name = new TextField("Name");
    name.setPattern("[A-Za-z0-9._-]{1,64}");
    name.setMaxLength(64);
    name.setValueChangeMode(ValueChangeMode.EAGER);
    ComboBox<String> tenant = new ComboBox<>("Tenant");
    tenant.setItems(tenants);
    tenant.setAllowCustomValue(true);
    tenant.setPlaceholder("default");
    tenant.addCustomValueSetListener(e -> tenant.setValue(e.getDetail()));
    Select<String> role = new Select<>();
    role.setLabel("Role");
    role.setItems("app", "viewer", "operator", "admin");
    role.setValue("app");
    Select<Duration> valid = durations("Valid for", VALID, "until it is revoked");
    valid.setValue(Duration.ofDays(90));
    Checkbox delegate = new Checkbox("Its holder may act for others");
    ActionDialog dialog =
        new ActionDialog(
            gateway,
            () ->
                presenter.create(
                    name.getValue(),
                    tenant.getValue() == null ? "" : tenant.getValue(),
                    role.getValue(),
                    valid.getValue().isZero() ? null : valid.getValue(),
                    delegate.getValue()),
            answer -> {
              TenantsView.showSecret(answer);
              then.run();
            },
            Parts.box("sb-form", name, tenant, role, valid),
            delegate);
    role.addValueChangeListener(_ -> dialog.update());
    valid.addValueChangeListener(_ -> dialog.update());
    delegate.addValueChangeListener(_ -> dialog.update());
    dialog.open();
  }

  static void rotate(LiveGateway gateway, TenantsPresenter presenter, KeyRow key, Runnable then) {
    Select<Duration> overlap = durations("The old key stays valid for", OVERLAPS, "no time");
    overlap.setValue(Duration.ofDays(1));
    ActionDialog dialog =
        new ActionDialog(
            gateway,
            () -> presenter.rotate(key, overlap.getValue()),
            answer -> {
              TenantsView.showSecret(answer);
              then.run();
            },
            overlap);
    overlap.addValueChangeListener(_ -> dialog.update());
    dialog.open();
  }

  private static Select<Duration> durations(String label, List<Duration> items, String zero) {
    Select<Duration> select = new Select<>();
    select.setLabel(label);
    select.setItems(items);
    select.setItemLabelGenerator(d -> d.isZero() ? zero : Format.duration(d));
    return select;
  }
}

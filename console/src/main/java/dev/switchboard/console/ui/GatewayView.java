package dev.switchboard.console.ui;

import com.vaadin.flow.component.Component;
import com.vaadin.flow.component.combobox.ComboBox;
import com.vaadin.flow.router.AfterNavigationEvent;
import com.vaadin.flow.router.AfterNavigationObserver;
import com.vaadin.flow.router.BeforeEnterEvent;
import com.vaadin.flow.router.BeforeEnterObserver;
import com.vaadin.flow.router.QueryParameters;
import dev.switchboard.console.api.Role;
import dev.switchboard.console.live.LiveGateway;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A view of one gateway, which stands in the address where there are several. */
public abstract class GatewayView extends LiveView
    implements BeforeEnterObserver, AfterNavigationObserver {
  private final ComboBox<String> choice = new ComboBox<>();
  private LiveGateway gateway = Services.get().gateways().all().getFirst();

  /** Of the first gateway until the address says another one. */
  @SuppressWarnings("this-escape") // The listener is called later.
  protected GatewayView() {
    List<String> names = Services.get().gateways().all().stream().map(LiveGateway::name).toList();
    choice.setItems(names);
    choice.setValue(gateway.name());
    choice.setAriaLabel("Gateway");
    choice.setVisible(names.size() > 1);
    choice.addValueChangeListener(
        e -> {
          if (e.isFromClient() && e.getValue() != null) {
            go(Map.of("gateway", e.getValue()));
          }
        });
  }

  private void go(Map<String, String> query) {
    getUI()
        .ifPresent(
            ui -> ui.navigate(ui.getActiveViewLocation().getPath(), QueryParameters.simple(query)));
  }

  /** Lets somebody choose another gateway; for the view's head. */
  protected final ComboBox<String> gatewayChoice() {
    return choice;
  }

  protected final LiveGateway gateway() {
    return gateway;
  }

  /** Another gateway is shown from now on. */
  protected abstract void at(LiveGateway chosen);

  @Override
  public void beforeEnter(BeforeEnterEvent event) {
    Paths.keepGateway(event, gateway.name());
  }

  @Override
  public void afterNavigation(AfterNavigationEvent event) {
    String wanted =
        event.getLocation().getQueryParameters().getSingleParameter("gateway").orElse("");
    Services.get().gateways().find(wanted).ifPresent(found -> gateway = found);
    choice.setValue(gateway.name());
    at(gateway);
    refresh();
  }

  /** Says that something cannot be read; nothing where it can. */
  protected static Component[] failed(String what, @Nullable String why) {
    return why == null
        ? new Component[0]
        : new Component[] {Parts.box("sb-card", Parts.failure(what, why))};
  }

  /** What stands where a number would, before the gateway told any. */
  protected static String notYet(@Nullable String failure) {
    return failure == null ? "Loading" : "Not read";
  }

  /** Whether the person who looks may what the role may. */
  protected static boolean may(Role role) {
    return Visit.person().filter(person -> person.role().includes(role)).isPresent();
  }
}

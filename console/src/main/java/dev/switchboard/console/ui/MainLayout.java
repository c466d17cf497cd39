package dev.switchboard.console.ui;

import com.vaadin.flow.component.AttachEvent;
import com.vaadin.flow.component.ClientCallable;
import com.vaadin.flow.component.Component;
import com.vaadin.flow.component.DetachEvent;
import com.vaadin.flow.component.UI;
import com.vaadin.flow.component.applayout.AppLayout;
import com.vaadin.flow.component.applayout.DrawerToggle;
import com.vaadin.flow.component.button.Button;
import com.vaadin.flow.component.contextmenu.ContextMenu;
import com.vaadin.flow.component.contextmenu.ContextMenuPosition;
import com.vaadin.flow.component.html.Div;
import com.vaadin.flow.component.html.Span;
import com.vaadin.flow.component.page.ColorScheme;
import com.vaadin.flow.component.page.WebStorage;
import com.vaadin.flow.component.sidenav.SideNav;
import com.vaadin.flow.component.sidenav.SideNavItem;
import com.vaadin.flow.router.AfterNavigationEvent;
import com.vaadin.flow.router.AfterNavigationObserver;
import dev.switchboard.console.api.Role;
import dev.switchboard.console.auth.Person;
import dev.switchboard.console.live.LiveGateway;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Navigation at the left; gateways' state, theme and person at the top. */
@Open
public final class MainLayout extends AppLayout implements AfterNavigationObserver {
  private static final String SCHEME = "switchboard.scheme";

  private final SideNavItem fleet = item("Fleet", "", "fleet");
  private final Div gateways = Parts.box("sb-gateways");
  private final Map<String, Badge> badges = new HashMap<>();
  private final Button revert = Parts.button("restart", "Revert", MainLayout::takeBack);
  private @Nullable Runnable stop;

  public MainLayout() {
    setPrimarySection(Section.DRAWER);
    Person person = Visit.person().orElse(null);
    DrawerToggle toggle = new DrawerToggle();
    toggle.setAriaLabel("Navigation");
    gateways.getElement().setAttribute("aria-label", "Gateways");
    revert.addThemeName("tertiary");
    Button skip = new Button("Skip to content", _ -> skip());
    skip.addClassName("sb-skip");
    addToNavbar(
        skip,
        toggle,
        gateways,
        Parts.box("sb-bar-right", revert, Keys.button(), schemeSwitch(), menu(person)));
    Div brand = Parts.box("sb-brand", new Icon("mark"), new Span("Switchboard"));
    addToDrawer(brand, navigation(person));
  }

  private SideNav navigation(@Nullable Person person) {
    SideNav nav = new SideNav();
    nav.getElement().setAttribute("aria-label", "Views");
    SideNavItem requests = item("Requests", "requests", "requests");
    requests.setPathAliases(Set.of("compare"));
    nav.addItem(fleet, requests);
    nav.addItem(item("Models", "models", "models"));
    nav.addItem(item("SLOs", "slos", "slo"));
    if (person != null && person.role().includes(Role.OPERATOR)) {
      nav.addItem(item("Playground", "playground", "playground"));
    }
    nav.addItem(item("Drills", "drills", "drill"));
    nav.addItem(item("Tenants and keys", "tenants", "tenants"));
    nav.addItem(item("Audit", "audit", "audit"));
    nav.addItem(item("System", "system", "system"));
    if (person != null && person.role() == Role.ADMIN) {
      nav.addItem(item("People", "people", "people"));
    }
    return nav;
  }

  private static SideNavItem item(String label, String path, String icon) {
    SideNavItem item = new SideNavItem(label, path, new Icon(icon));
    Keys.of(path).ifPresent(key -> item.getElement().setAttribute("data-key", key));
    item.setMatchNested(!path.isEmpty());
    return item;
  }

  /** A replica belongs to the fleet, whose path is the beginning of all others. */
  @Override
  public void afterNavigation(AfterNavigationEvent event) {
    String path = event.getLocation().getPath();
    fleet.setPathAliases(Set.of(path.startsWith("replicas/") ? path : "replicas"));
  }

  private static Button menu(@Nullable Person person) {
    Span name = new Span(person == null ? "" : person.name());
    Button button = new Button(Parts.box("sb-person", new Icon("person"), name));
    button.setAriaLabel("Account of " + name.getText());
    ContextMenu menu = below(button);
    if (person != null) {
      menu.addItem("Role: " + person.role().word()).setEnabled(false);
    }
    menu.addItem("Sign out", _ -> signOut());
    return button;
  }

  /** Not a menu bar: one measures the whole page, while it loads, for its button's room. */
  private static ContextMenu below(Button button) {
    button.addThemeName("tertiary");
    button.getElement().setAttribute("aria-haspopup", "menu");
    ContextMenu menu = new ContextMenu(button);
    menu.setOpenOnClick(true);
    menu.setPosition(ContextMenuPosition.BOTTOM_END);
    menu.addOpenedChangeListener(
        event ->
            button.getElement().setAttribute("aria-expanded", Boolean.toString(event.isOpened())));
    return menu;
  }

  /** The browser says so when somebody presses a key or a pointer. */
  @ClientCallable
  public void used() {
    Visit.use();
  }

  private void skip() {
    if (getContent() != null) {
      getContent().getElement().setAttribute("tabindex", "-1").callJsFunction("focus");
    }
  }

  private static void takeBack() {
    LastChange.get().ifPresent(LastChange::takeBack);
  }

  /** Offers at once, and not only at the next look, to take back what was done. */
  static void changed() {
    UI.getCurrent()
        .getChildren()
        .filter(MainLayout.class::isInstance)
        .forEach(layout -> ((MainLayout) layout).showRevert());
  }

  private void showRevert() {
    Optional<LastChange> last = LastChange.get();
    revert.setVisible(last.isPresent());
    last.ifPresent(
        change -> {
          revert.setAriaLabel("Revert: " + change.title());
          revert.setTooltipText(change.title());
        });
  }

  private static void signOut() {
    UI.getCurrent().getPage().setLocation("/sign-in");
    Visit.end();
  }

  private static Button schemeSwitch() {
    Button button = new Button(new Icon("theme"));
    button.setAriaLabel("Colours");
    button.setTooltipText("Colours");
    ContextMenu menu = below(button);
    for (var each :
        List.of(ColorScheme.Value.SYSTEM, ColorScheme.Value.LIGHT, ColorScheme.Value.DARK)) {
      menu.addItem(Badge.word(each.name()), _ -> choose(each));
    }
    return button;
  }

  private static void choose(ColorScheme.Value scheme) {
    WebStorage.setItem(SCHEME, scheme.name());
    apply(scheme);
  }

  private static void apply(ColorScheme.Value scheme) {
    UI.getCurrent()
        .getPage()
        .setColorScheme(scheme == ColorScheme.Value.SYSTEM ? ColorScheme.Value.LIGHT_DARK : scheme);
  }

  @Override
  protected void onAttach(AttachEvent event) {
    super.onAttach(event);
    WebStorage.getItem(
        SCHEME,
        stored -> {
          if ("LIGHT".equals(stored) || "DARK".equals(stored)) {
            apply(ColorScheme.Value.valueOf(stored));
          }
        });
    getElement().executeJs("window.sbUse(this)");
    refresh();
    stop = Redraw.of(event.getUI()).add(this::refresh);
  }

  @Override
  protected void onDetach(DetachEvent event) {
    Runnable listening = stop;
    if (listening != null) {
      listening.run();
    }
    super.onDetach(event);
  }

  private boolean maySee(Role role) {
    Component view = getContent();
    Needs needs = view == null ? null : view.getClass().getAnnotation(Needs.class);
    return needs == null || role.includes(needs.value());
  }

  /** A view is for as long as somebody may see it, whatever the browser makes of that. */
  void refresh() {
    Person person = Visit.person().orElse(null);
    if (person == null || !maySee(person.role())) {
      setContent(null);
      String to = person == null ? "/sign-in" : "/";
      getUI().ifPresent(ui -> ui.getPage().setLocation(to));
      return;
    }
    showRevert();
    for (LiveGateway gateway : Services.get().gateways().all()) {
      Badge badge =
          badges.computeIfAbsent(
              gateway.name(),
              _ -> {
                Badge made = new Badge(Tone.IDLE, "");
                gateways.add(made);
                return made;
              });
      badge.show(GatewayState.tone(gateway), gateway.name() + " · " + GatewayState.words(gateway));
    }
  }
}

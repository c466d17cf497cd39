package dev.switchboard.console.audit;

import com.vaadin.flow.component.Component;
import com.vaadin.flow.component.UI;
import com.vaadin.flow.component.button.Button;
import com.vaadin.flow.component.combobox.ComboBox;
import com.vaadin.flow.component.grid.Grid;
import com.vaadin.flow.component.html.Anchor;
import com.vaadin.flow.component.html.Div;
import com.vaadin.flow.component.html.Pre;
import com.vaadin.flow.component.html.Span;
import com.vaadin.flow.component.textfield.TextField;
import com.vaadin.flow.data.renderer.ComponentRenderer;
import com.vaadin.flow.router.AfterNavigationEvent;
import com.vaadin.flow.router.AfterNavigationObserver;
import com.vaadin.flow.router.BeforeEnterEvent;
import com.vaadin.flow.router.BeforeEnterObserver;
import com.vaadin.flow.router.PageTitle;
import com.vaadin.flow.router.QueryParameters;
import com.vaadin.flow.router.Route;
import com.vaadin.flow.server.streams.DownloadHandler;
import com.vaadin.flow.server.streams.DownloadResponse;
import dev.switchboard.console.api.ApiFailure;
import dev.switchboard.console.api.Role;
import dev.switchboard.console.live.LiveGateway;
import dev.switchboard.console.ui.Badge;
import dev.switchboard.console.ui.Format;
import dev.switchboard.console.ui.Icon;
import dev.switchboard.console.ui.MainLayout;
import dev.switchboard.console.ui.Needs;
import dev.switchboard.console.ui.Parts;
import dev.switchboard.console.ui.Paths;
import dev.switchboard.console.ui.Services;
import dev.switchboard.console.ui.Toast;
import dev.switchboard.console.ui.Tone;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Who changed what, why, and what became of it; filters stand in the address. */
@Route(value = "audit", layout = MainLayout.class)
@PageTitle("Audit · Switchboard")
@Needs(Role.VIEWER)
public final class AuditView extends Div implements BeforeEnterObserver, AfterNavigationObserver {
  private final Span line = Parts.text("sb-head-line", "");
  private final Grid<AuditRow> grid = new Grid<>();
  private final Div state = Parts.box("sb-stack");
  private final Button more = new Button("Load older ones", _ -> loadMore());
  private final ComboBox<String> gateway = new ComboBox<>("Gateway");
  private final Map<String, TextField> fields = new LinkedHashMap<>();
  private final List<AuditRow> rows = new ArrayList<>();
  private Map<String, String> wanted = Map.of();
  private String at = Services.get().gateways().all().getFirst().name();
  private boolean filling;

  public AuditView() {
    addClassName("sb-view");
    columns();
    grid.addThemeNames("no-border", "compact");
    grid.setSelectionMode(Grid.SelectionMode.NONE);
    grid.getElement().setAttribute("aria-label", "Audit log");
    grid.setItemDetailsRenderer(new ComponentRenderer<>(AuditView::details));
    more.addThemeName("tertiary");
    Anchor csv =
        new Anchor(DownloadHandler.fromInputStream(event -> csv(event.getUI())), "Download CSV");
    csv.addComponentAsFirst(new Icon("download"));
    csv.addClassName("sb-row");
    Button again = Parts.button("restart", "Search again", this::search);
    add(
        Parts.head("Audit", line, csv, again),
        Parts.box("sb-card", filters(), Parts.box("sb-table", grid), state, more));
  }

  private Div filters() {
    gateway.setItems(Services.get().gateways().all().stream().map(LiveGateway::name).toList());
    gateway.setVisible(Services.get().gateways().all().size() > 1);
    gateway.addValueChangeListener(_ -> go());
    Div bar = Parts.box("sb-filters", gateway);
    bar.add(field("on_behalf_of", "Person", "alice"));
    bar.add(field("actor", "Key", "any"));
    bar.add(field("action", "Action", "drain, POST, keys …"));
    bar.add(field("target", "Target", "w0 …"));
    bar.add(field("reason", "Reason", "part of it"));
    bar.add(field("status", "Status", "200, 403 …"));
    bar.add(field("from", "From, UTC", "2026-01-31T08:00:00Z"));
    bar.add(field("to", "To, UTC", "2026-01-31T09:00:00Z"));
    return bar;
  }

  private TextField field(String name, String label, String example) {
    TextField field = new TextField(label);
    field.setPlaceholder(example);
    field.setClearButtonVisible(true);
    field.setMaxLength(128);
    field.setWidth(name.equals("from") || name.equals("to") ? "176px" : "136px");
    field.addValueChangeListener(_ -> go());
    fields.put(name, field);
    return field;
  }

  private void go() {
    if (filling) {
      return;
    }
    Map<String, String> address = new HashMap<>();
    if (gateway.isVisible() && gateway.getValue() != null) {
      address.put("gateway", gateway.getValue());
    }
    fields.forEach(
        (name, field) -> {
          if (!field.getValue().isBlank()) {
            address.put(name, field.getValue().strip());
          }
        });
    getUI().ifPresent(ui -> ui.navigate("audit", QueryParameters.simple(address)));
  }

  @Override
  public void beforeEnter(BeforeEnterEvent event) {
    Paths.keepGateway(event, at);
  }

  @Override
  public void afterNavigation(AfterNavigationEvent event) {
    var parameters = event.getLocation().getQueryParameters();
    at = parameters.getSingleParameter("gateway").orElse(at);
    Map<String, String> now = new HashMap<>();
    filling = true;
    gateway.setValue(at);
    fields.forEach(
        (name, field) -> {
          String value = parameters.getSingleParameter(name).orElse("");
          field.setValue(value);
          now.put(name, value);
        });
    filling = false;
    wanted = now;
    search();
  }

  private void search() {
    rows.clear();
    fetch(0);
  }

  private void loadMore() {
    fetch(rows.getLast().id());
  }

  private void fetch(long before) {
    state.removeAll();
    LiveGateway from = Services.get().gateways().find(at).orElse(null);
    if (from == null) {
      state.add(Parts.failure("There is no such gateway", at));
      return;
    }
    boolean failed = false;
    try {
      List<AuditRow> found = AuditPresenter.search(from, wanted, before);
      rows.addAll(found);
      boolean all = found.size() < AuditPresenter.PAGE;
      boolean full = rows.size() >= AuditPresenter.MOST;
      more.setVisible(!all && !full);
      if (!all && full) {
        state.add(
            Parts.text(
                "sb-muted", "Older ones are not shown: filter by To, or download all as CSV."));
      }
      if (rows.isEmpty()) {
        state.add(Parts.empty("search", "No entry", "Nothing was changed that is like that."));
      }
    } catch (ApiFailure e) {
      failed = true;
      // Of older ones it is asked again.
      more.setVisible(!rows.isEmpty());
      state.add(Parts.failure("The audit log cannot be read", e.sentence()));
    }
    grid.setVisible(!rows.isEmpty());
    Parts.fit(grid, rows.size(), "calc(100vh - 260px)");
    grid.setItems(new ArrayList<>(rows));
    boolean unread = failed && rows.isEmpty();
    Parts.set(line, unread ? "Not read" : words());
  }

  private String words() {
    return rows.size()
        + (rows.size() == 1 ? " entry, the newest first" : " entries, the newest first");
  }

  private DownloadResponse csv(UI ui) {
    LiveGateway from = Services.get().gateways().find(at).orElse(null);
    try {
      InputStream body =
          from == null ? InputStream.nullInputStream() : AuditPresenter.csv(from, wanted);
      return new DownloadResponse(body, "audit.csv", "text/csv", -1);
    } catch (ApiFailure e) {
      // The page is told beside: a download has no session of its own.
      var _ = ui.access(() -> Toast.failed(e.sentence()));
      return DownloadResponse.error(502);
    }
  }

  private void columns() {
    grid.addColumn(row -> Format.full(row.at())).setHeader("UTC").setWidth("160px").setFlexGrow(0);
    grid.addComponentColumn(AuditView::who).setHeader("Who").setWidth("112px").setFlexGrow(1);
    grid.addColumn(AuditRow::words).setHeader("Did").setWidth("140px").setFlexGrow(1);
    grid.addColumn(AuditRow::target).setHeader("Target").setWidth("104px").setFlexGrow(1);
    grid.addColumn(AuditRow::reason).setHeader("Reason").setWidth("240px").setFlexGrow(4);
    grid.addComponentColumn(AuditView::outcome)
        .setHeader("Outcome")
        .setWidth("126px")
        .setFlexGrow(0);
    grid.addColumn(AuditRow::source).setHeader("Address").setWidth("106px").setFlexGrow(0);
  }

  private static Component who(AuditRow row) {
    Span who = new Span(row.who());
    if (!row.who().equals(row.key())) {
      who.setTitle("with the key " + row.key() + ", role " + row.role());
    }
    return who;
  }

  private static Component outcome(AuditRow row) {
    String word =
        row.status() < 400
            ? "Done"
            : row.status() == 403 || row.status() == 401 ? "Denied" : "Refused";
    return new Badge(Tone.ofStatus(row.status()), word + " " + row.status());
  }

  private static Component details(AuditRow row) {
    Div details = Parts.box("sb-details-row");
    Div facts = Parts.box("sb-facts");
    facts.add(Parts.fact("Action", row.action()));
    facts.add(Parts.fact("Key", row.key() + " (" + row.role() + ")"));
    if (!row.code().isEmpty()) {
      facts.add(Parts.fact("Code", row.code()));
    }
    details.add(facts);
    Div values = Parts.box("sb-halves");
    values.add(Parts.fact("Before", json(row.before())), Parts.fact("After", json(row.after())));
    details.add(values);
    return details;
  }

  private static Pre json(String text) {
    Pre pre = new Pre(text.isEmpty() ? "nothing" : text);
    pre.addClassName("sb-log");
    return pre;
  }
}

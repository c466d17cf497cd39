package dev.switchboard.console.tenants;

import com.vaadin.flow.component.Component;
import com.vaadin.flow.component.button.Button;
import com.vaadin.flow.component.grid.ColumnTextAlign;
import com.vaadin.flow.component.grid.Grid;
import com.vaadin.flow.component.html.Div;
import com.vaadin.flow.component.html.Span;
import com.vaadin.flow.router.PageTitle;
import com.vaadin.flow.router.Route;
import dev.switchboard.console.api.Role;
import dev.switchboard.console.live.LiveGateway;
import dev.switchboard.console.ui.ActionDialog;
import dev.switchboard.console.ui.Badge;
import dev.switchboard.console.ui.Format;
import dev.switchboard.console.ui.GatewayView;
import dev.switchboard.console.ui.Icon;
import dev.switchboard.console.ui.LineChart;
import dev.switchboard.console.ui.MainLayout;
import dev.switchboard.console.ui.Meter;
import dev.switchboard.console.ui.Needs;
import dev.switchboard.console.ui.Parts;
import dev.switchboard.console.ui.Services;
import dev.switchboard.console.ui.Tone;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/** Who may use how much, who did, and the keys that open the APIs. */
@Route(value = "tenants", layout = MainLayout.class)
@PageTitle("Tenants and keys · Switchboard")
@Needs(Role.VIEWER)
public final class TenantsView extends GatewayView {
  private static final int HOUR_SECONDS = 3600;
  private static final double NEAR = 0.8;

  private final boolean admin = may(Role.ADMIN);
  private final Span line = Parts.text("sb-head-line", "Loading");
  private final Div notices = Parts.box("sb-stack");
  private final LineChart chart = new LineChart("Tokens by hour", "");
  private final Div noUse =
      Parts.empty("tenants", "No use", "Nobody sent a request in the last 24 hours.");
  private final Grid<TenantRow> tenants = new Grid<>();
  private final Div noTenants = Parts.box("sb-stack");
  private final Grid<KeyRow> keys = new Grid<>();
  private final Div noKeys = Parts.box("sb-stack");
  private TenantsPresenter presenter = new TenantsPresenter(gateway(), Services.get().clock());
  private List<TenantRow> tenantsShown = List.of();
  private List<KeyRow> keysShown = List.of();
  private List<String> charted = List.of();
  private boolean first = true;

  public TenantsView() {
    tenantColumns();
    keyColumns();
    plain(tenants, "Tenants");
    plain(keys, "Keys");
    Button limit = Parts.button("plus", "Set limits", () -> edit(null));
    Button create =
        Parts.button(
            "key",
            "Create key",
            () -> KeyDialogs.create(gateway(), presenter, tenantNames(), this::refresh));
    create.addThemeName("primary");
    for (Button button : List.of(limit, create)) {
      forAdmins(button);
    }
    add(
        Parts.head("Tenants and keys", line, gatewayChoice(), limit, create),
        notices,
        Parts.card("Tokens by hour, last 24 h", chart, noUse),
        Parts.card(
            "Tenants",
            Parts.text("sb-muted sb-small", "Limits, and use of the last 24 hours; ∞ is no limit"),
            new Div[] {Parts.box("sb-table", tenants), noTenants}),
        Parts.card("Keys", Parts.box("sb-table", keys), noKeys));
  }

  private void forAdmins(Button button) {
    button.setEnabled(admin);
    if (!admin) {
      button.setTooltipText("Takes the role admin");
    }
  }

  private static void plain(Grid<?> grid, String label) {
    grid.setAllRowsVisible(true);
    grid.setSelectionMode(Grid.SelectionMode.NONE);
    grid.addThemeNames("no-border", "compact");
    grid.getElement().setAttribute("aria-label", label);
  }

  private List<String> tenantNames() {
    return tenantsShown.stream().map(TenantRow::name).toList();
  }

  private void tenantColumns() {
    tenants
        .addComponentColumn(t -> Parts.text("sb-cell-name", t.name()))
        .setHeader("Tenant")
        .setWidth("120px")
        .setFlexGrow(2);
    tenants
        .addComponentColumn(TenantsView::pressure)
        .setHeader("Used now")
        .setWidth("190px")
        .setFlexGrow(0);
    number("Req/min", t -> limit(t, Limit.REQUESTS_PER_MINUTE));
    number("Tok/min", t -> limit(t, Limit.TOKENS_PER_MINUTE));
    number("At once", t -> limit(t, Limit.CONCURRENCY));
    number("Tok/day", t -> limit(t, Limit.TOKENS_PER_DAY));
    number("Weight", t -> t.limited() ? Format.number(t.limit(Limit.WEIGHT)) : Format.NONE);
    number("Requests", t -> Format.number((double) t.requests()));
    number("Tokens", t -> Format.number((double) (t.promptTokens() + t.outputTokens())));
    number(
        "Cached",
        t ->
            t.promptTokens() == 0
                ? Format.NONE
                : Format.percent(Math.rint(100.0 * t.cachedTokens() / t.promptTokens()) / 100));
    tenants.addComponentColumn(this::tenantActions).setHeader("").setWidth("80px").setFlexGrow(0);
  }

  private void number(String header, Function<TenantRow, String> text) {
    tenants
        .addColumn(text::apply)
        .setHeader(header)
        .setTextAlign(ColumnTextAlign.END)
        .setFlexGrow(1)
        .setWidth("72px");
  }

  private static String limit(TenantRow row, Limit limit) {
    double value = row.limit(limit);
    return value == 0 ? "∞" : Format.number(value);
  }

  /** The limit that is nearest to its end. */
  private static Component pressure(TenantRow row) {
    TenantRow.Now now = row.now();
    if (now == null) {
      return Parts.text("sb-muted", Format.NONE);
    }
    if (now.uses().isEmpty()) {
      return Parts.text("sb-muted", now.atOnce() + " at once");
    }
    TenantRow.Use use = now.uses().getFirst();
    Tone tone = use.share() >= 1 ? Tone.BAD : use.share() >= NEAR ? Tone.WARN : Tone.GOOD;
    Meter meter = new Meter();
    meter.tone(tone).show(use.share(), Format.number(use.used()) + " " + use.title());
    StringBuilder all = new StringBuilder();
    now.uses()
        .forEach(
            u ->
                all.append(u.title())
                    .append(": ")
                    .append(Format.number(u.used()))
                    .append(" of ")
                    .append(Format.number(u.limit()))
                    .append('\n'));
    meter.getElement().setAttribute("title", all.toString().strip());
    return meter;
  }

  private static float[] points(TenantRow row) {
    float[] points = new float[row.tokens().size()];
    for (int i = 0; i < points.length; i++) {
      points[i] = row.tokens().get(i);
    }
    return points;
  }

  private Component tenantActions(TenantRow row) {
    Button edit = Parts.iconButton("edit", "Limits of " + row.name(), () -> edit(row));
    Button delete =
        Parts.iconButton(
            "trash", "Delete limits of " + row.name(), () -> act(presenter.forget(row)));
    delete.setVisible(row.limited());
    edit.setEnabled(admin);
    delete.setEnabled(admin);
    return Parts.box("sb-row", edit, delete);
  }

  private void act(dev.switchboard.console.action.Change change) {
    new ActionDialog(gateway(), () -> change, _ -> refresh()).open();
  }

  private void edit(@Nullable TenantRow row) {
    new LimitsForm(gateway(), presenter, row, tenantNames()).open(this::refresh);
  }

  private void keyColumns() {
    keys.addComponentColumn(k -> Parts.text("sb-cell-name", k.name()))
        .setHeader("Key")
        .setFlexGrow(2);
    keys.addComponentColumn(
            k -> Parts.text("sb-mono", k.beginning().isEmpty() ? Format.NONE : k.beginning() + "…"))
        .setHeader("Begins with")
        .setWidth("96px")
        .setFlexGrow(0);
    keys.addColumn(KeyRow::tenant).setHeader("Tenant").setFlexGrow(1);
    keys.addComponentColumn(TenantsView::role).setHeader("Role").setWidth("140px").setFlexGrow(0);
    keys.addColumn(k -> k.createdBy().isEmpty() ? Format.NONE : k.createdBy())
        .setHeader("Created by")
        .setFlexGrow(1);
    keys.addComponentColumn(k -> ago(k.created(), Format.NONE)).setHeader("Created").setFlexGrow(1);
    keys.addComponentColumn(k -> ago(k.lastUsed(), "never")).setHeader("Last used").setFlexGrow(1);
    keys.addComponentColumn(TenantsView::expiry).setHeader("Ends").setFlexGrow(1);
    keys.addComponentColumn(this::keyActions).setHeader("").setWidth("80px").setFlexGrow(0);
  }

  private static Component role(KeyRow key) {
    return new Span(key.delegate() ? key.role() + ", delegate" : key.role());
  }

  private static Component ago(@Nullable Instant time, String none) {
    if (time == null) {
      return Parts.text("sb-muted", none);
    }
    Span text = new Span(Format.ago(time, Services.get().clock().instant()));
    text.setTitle(Format.full(time) + " UTC");
    return text;
  }

  private static Component expiry(KeyRow key) {
    Instant ends = key.expires();
    Instant now = Services.get().clock().instant();
    if (ends == null) {
      return Parts.text("sb-muted", "never");
    }
    if (key.isExpired(now)) {
      return new Badge(Tone.IDLE, "Ended");
    }
    Span text = new Span("in " + Format.duration(java.time.Duration.between(now, ends)));
    text.setTitle(Format.full(ends) + " UTC");
    return text;
  }

  private Component keyActions(KeyRow key) {
    Button rotate =
        Parts.iconButton(
            "restart",
            "Rotate " + key.name(),
            () -> KeyDialogs.rotate(gateway(), presenter, key, this::refresh));
    Button revoke =
        Parts.iconButton("trash", "Revoke " + key.name(), () -> act(presenter.revoke(key)));
    rotate.setEnabled(admin);
    revoke.setEnabled(admin);
    return Parts.box("sb-row", rotate, revoke);
  }

  /** Shows the key that an answer has, once. */
  static void showSecret(JsonNode answer) {
    new SecretDialog(answer.path("name").asString(""), answer.path("key").asString("")).open();
  }

  @Override
  protected void at(LiveGateway chosen) {
    presenter = new TenantsPresenter(chosen, Services.get().clock());
    first = true;
    charted = List.of();
  }

  @Override
  protected void refresh() {
    List<TenantRow> rows = presenter.tenants();
    List<KeyRow> keyRows = presenter.keys();
    boolean asked = presenter.asked();
    notice(presenter.failure(), presenter.leftOut());
    if (first || !rows.equals(tenantsShown)) {
      tenantsShown = new ArrayList<>(rows);
      tenants.setItems(tenantsShown);
    }
    if (first || !keyRows.equals(keysShown)) {
      keysShown = new ArrayList<>(keyRows);
      keys.setItems(keysShown);
    }
    first = false;
    tenants.setVisible(!rows.isEmpty());
    keys.setVisible(!keyRows.isEmpty());
    empty(
        noTenants,
        rows.isEmpty() && asked,
        "No tenant",
        "None has limits, keys or use. Without limits every request is of the tenant default.");
    empty(
        noKeys,
        keyRows.isEmpty() && asked,
        "No key in the store",
        "Create one to tell tenants and roles apart.");
    Parts.set(
        line,
        asked
            ? count(rows.size(), "tenant")
                + ", "
                + rows.stream().filter(TenantRow::limited).count()
                + " with limits, "
                + count(keyRows.size(), "key")
            : notYet(presenter.failure()));
    showChart();
  }

  private static String count(int count, String what) {
    return count + " " + what + (count == 1 ? "" : "s");
  }

  private static void empty(Div where, boolean is, String title, String text) {
    if (is) {
      Parts.only(where, Parts.empty("key", title, text));
    } else {
      Parts.only(where);
    }
  }

  private void notice(@Nullable String failure, String leftOut) {
    List<Component> lines = new ArrayList<>();
    if (failure != null) {
      lines.add(
          line(
              Tone.BAD,
              "The gateway does not answer: "
                  + failure
                  + ". What stands here is what it last told."));
    }
    if (!leftOut.isEmpty()) {
      lines.add(line(Tone.WARN, leftOut));
    }
    Parts.only(notices, lines.toArray(Component[]::new));
  }

  private static Div line(Tone tone, String text) {
    return Parts.box("sb-notice " + tone.className(), new Icon("alert"), new Span(text));
  }

  private void showChart() {
    List<TenantRow> largest = presenter.largest();
    chart.setVisible(!largest.isEmpty());
    noUse.setVisible(largest.isEmpty() && presenter.asked());
    List<LineChart.Line> lines = new ArrayList<>();
    List<String> now = new ArrayList<>();
    for (TenantRow row : largest) {
      lines.add(new LineChart.Line(row.name(), "" + (lines.size() + 1), points(row)));
      now.add(row.name() + row.tokens());
    }
    if (!lines.isEmpty() && !now.equals(charted)) {
      charted = now;
      chart.again();
      chart.show(presenter.newestHour(), HOUR_SECONDS, lines);
    }
  }
}

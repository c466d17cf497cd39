package dev.switchboard.console.requests;

import com.vaadin.flow.component.Component;
import com.vaadin.flow.component.button.Button;
import com.vaadin.flow.component.checkbox.Checkbox;
import com.vaadin.flow.component.html.Anchor;
import com.vaadin.flow.component.html.Div;
import com.vaadin.flow.component.html.H1;
import com.vaadin.flow.component.html.Paragraph;
import com.vaadin.flow.component.html.Span;
import com.vaadin.flow.router.BeforeEnterEvent;
import com.vaadin.flow.router.BeforeEnterObserver;
import com.vaadin.flow.router.HasDynamicTitle;
import com.vaadin.flow.router.NotFoundException;
import com.vaadin.flow.router.Route;
import com.vaadin.flow.server.streams.DownloadHandler;
import com.vaadin.flow.server.streams.DownloadResponse;
import dev.switchboard.console.api.AdminClient;
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
import dev.switchboard.console.ui.PlainTable;
import dev.switchboard.console.ui.Services;
import dev.switchboard.console.ui.Tone;
import java.io.ByteArrayInputStream;
import java.util.List;
import java.util.Locale;
import tools.jackson.databind.JsonNode;

/** One request: verdict, receipt, waterfall down to the rank, why this replica. */
@Route(value = "requests/:gateway/:request", layout = MainLayout.class)
@Needs(Role.VIEWER)
public final class RequestView extends Div implements BeforeEnterObserver, HasDynamicTitle {
  private String id = "";

  public RequestView() {
    addClassName("sb-view");
  }

  @Override
  public void beforeEnter(BeforeEnterEvent event) {
    String at = Paths.parameter(event, "gateway");
    id = Paths.parameter(event, "request");
    removeAll();
    LiveGateway gateway = Services.get().gateways().find(at).orElse(null);
    if (gateway == null) {
      event.rerouteToError(NotFoundException.class);
      return;
    }
    try {
      show(gateway, gateway.client().get(path("/timeline")));
    } catch (ApiFailure e) {
      add(
          Parts.head("Request", Parts.text("sb-mono sb-muted", id)),
          Parts.box("sb-card", Parts.failure("This request cannot be shown", e.sentence())));
    }
  }

  private String path(String rest) {
    return "/admin/v1/requests/" + AdminClient.encode(id) + rest;
  }

  @Override
  public String getPageTitle() {
    return "Request " + id + " · Switchboard";
  }

  private void show(LiveGateway gateway, JsonNode timeline) {
    Receipt receipt = new Receipt(timeline);
    String outcome = timeline.path("outcome").asString("");
    boolean late = timeline.path("missed").asBoolean(false) && outcome.equals("ok");
    Badge badge =
        late
            ? new Badge(Tone.WARN, "Late")
            : new Badge(Tone.ofOutcome(outcome), Badge.word(outcome));
    Div crumbs =
        Parts.box(
            "sb-crumbs",
            Parts.link("requests", "Requests"),
            new Span("/"),
            new Span(gateway.name()));
    Div title = Parts.box("sb-head-title", new H1("Request"), badge);
    Div names = Parts.box("sb-head-names", crumbs, title, Parts.text("sb-mono sb-muted", id));
    add(
        Parts.box("sb-head", names, actions(gateway, timeline)),
        Parts.box("sb-card", verdict(gateway, receipt), facts(gateway, timeline)),
        Parts.card(
            "Where the time went", legend(), new Div[] {fall(receipt.phases(), receipt.wallMs())}),
        Parts.card("Critical path", critical(receipt)),
        lanesCard(receipt),
        Parts.card("Why this replica", new Span(receipt.why()), candidates(receipt)));
  }

  /** The gateway's own explanation; of one that has none, what the timeline says. */
  private Div verdict(LiveGateway gateway, Receipt receipt) {
    Div all = Parts.box("sb-stack");
    try {
      JsonNode explanation = gateway.client().get(path("/explain"));
      all.add(paragraph(explanation.path("text").asString(receipt.verdict())));
      others(all, gateway, "Computed prompts beside it", explanation.path("neighbours"));
      others(all, gateway, "Before it in the queue", explanation.path("queue").path("requests"));
    } catch (ApiFailure _) {
      all.add(paragraph(receipt.verdict()));
    }
    return all;
  }

  private static Paragraph paragraph(String text) {
    Paragraph paragraph = new Paragraph(text.strip());
    paragraph.addClassName("sb-verdict");
    return paragraph;
  }

  private static void others(Div all, LiveGateway gateway, String what, JsonNode ids) {
    if (ids.isEmpty()) {
      return;
    }
    Div row = Parts.box("sb-row sb-wrap", Parts.text("sb-muted", what));
    ids.forEach(
        id -> row.add(Parts.link(Paths.request(gateway.name(), id.asString("")), id.asString(""))));
    all.add(row);
  }

  private Div actions(LiveGateway gateway, JsonNode timeline) {
    Div actions = Parts.box("sb-head-actions");
    String trace = timeline.path("trace_id").asString("");
    String template = Services.get().traceUrl();
    if (template != null && !trace.isEmpty()) {
      Anchor link = new Anchor(template.replace("{trace_id}", AdminClient.encode(trace)), "Trace");
      link.addComponentAsFirst(new Icon("open"));
      link.addClassName("sb-row");
      link.setTarget("_blank");
      actions.add(link);
    }
    Button compare =
        Parts.button(
            "requests",
            "Compare",
            () -> new CompareForm(gateway, id, timeline.path("model").asString("")).open());
    compare.addThemeName("tertiary");
    actions.add(compare);
    Anchor perfetto =
        new Anchor(DownloadHandler.fromInputStream(_ -> download(gateway)), "Perfetto trace");
    perfetto.addComponentAsFirst(new Icon("download"));
    perfetto.addClassName("sb-row");
    actions.add(perfetto);
    return actions;
  }

  private DownloadResponse download(LiveGateway gateway) {
    try {
      byte[] body = gateway.client().text(path("/perfetto"), "application/json");
      return new DownloadResponse(
          new ByteArrayInputStream(body),
          "request-" + id + ".json",
          "application/json",
          body.length);
    } catch (ApiFailure _) {
      return DownloadResponse.error(502);
    }
  }

  private static Div facts(LiveGateway gateway, JsonNode t) {
    JsonNode slo = t.path("slo");
    Div facts = Parts.box("sb-facts");
    facts.add(Parts.fact("Accepted, UTC", Format.exact(t.path("accepted_at").asString(""))));
    facts.add(Parts.fact("Model", t.path("model").asString(Format.NONE)));
    facts.add(Parts.fact("Replica", replica(gateway, t)));
    facts.add(Parts.fact("Service class", t.path("slo_class").asString(Format.NONE)));
    facts.add(Parts.fact("Tenant", t.path("tenant").asString(Format.NONE)));
    facts.add(Parts.fact("First token", target(t, slo, "ttft_ms")));
    facts.add(Parts.fact("Per token", target(t, slo, "tpot_ms")));
    facts.add(Parts.fact("Wall time", Format.millis(t.path("wall_ms").asDouble(0))));
    facts.add(
        Parts.fact(
            "Prompt",
            Format.number(t.path("prompt_tokens").asDouble(Double.NaN))
                + " tokens, "
                + Format.number(t.path("cached_tokens").asDouble(Double.NaN))
                + " cached"));
    facts.add(
        Parts.fact(
            "Generated",
            Format.number(t.path("completion_tokens").asDouble(Double.NaN))
                + " tokens, finish "
                + t.path("finish_reason").asString(Format.NONE)));
    facts.add(
        Parts.fact("Longest gap", Format.millis(t.path("longest_gap_ms").asDouble(Double.NaN))));
    facts.add(Parts.fact("Trace", t.path("trace_id").asString("not traced")));
    return facts;
  }

  private static Component replica(LiveGateway gateway, JsonNode t) {
    String replica = t.path("replica").asString("");
    return replica.isEmpty()
        ? new Span(Format.NONE)
        : Parts.link(Paths.replica(gateway.name(), replica), replica);
  }

  private static String target(JsonNode t, JsonNode slo, String field) {
    double wanted = slo.path(field).asDouble(0);
    String is = Format.millis(t.path(field).asDouble(Double.NaN));
    return wanted > 0 ? is + " of " + Format.millis(wanted) : is;
  }

  /** What the colours of the bars say. */
  public static Div legend() {
    Div legend = Parts.box("sb-legend");
    for (Receipt.Kind kind : Receipt.Kind.values()) {
      legend.add(Parts.text(kind.className(), kind.word()));
    }
    legend.add(Parts.text("sb-sum", "in pieces, from where the first began"));
    return legend;
  }

  /** What the wall time is made of: a sentence, and a table that says at which ranks. */
  private static Component critical(Receipt receipt) {
    PlainTable table = new PlainTable("Part", "Time", "Of the wall time", "Where");
    table.show(receipt.criticalPath().rows());
    return Parts.box("sb-stack", new Span(receipt.criticalPath().sentence()), table);
  }

  private static Div lanesCard(Receipt receipt) {
    List<Receipt.Bar> bars = receipt.lanes();
    if (bars.isEmpty()) {
      return Parts.card(
          "Attempts, stages and ranks",
          Parts.empty("info", "It reached no replica", "So there are no attempts and no ranks."));
    }
    PlainTable attempts =
        new PlainTable("Attempt", "Replica", "Why", "From", "Time", "Ended", "Stages and ranks");
    attempts.show(receipt.attempts().rows());
    attempts.setVisible(receipt.attempts().needTable());
    Div all = Parts.box("sb-stack", fall(bars, receipt.wallMs()));
    Checkbox only = new Checkbox("Only the critical path");
    only.addValueChangeListener(
        e -> {
          boolean some = Boolean.TRUE.equals(e.getValue());
          all.removeAll();
          all.add(
              fall(
                  bars.stream().filter(bar -> !some || bar.critical()).toList(), receipt.wallMs()));
        });
    return Parts.card("Attempts, stages and ranks", only, new Div[] {attempts, all});
  }

  /** Bars one below the other, over the time of all. */
  public static Div fall(List<Receipt.Bar> bars, double wallMs) {
    Div fall = Parts.box("sb-fall");
    for (Receipt.Bar bar : bars) {
      double whole = Math.max(wallMs, 1e-6);
      Div main = piece(bar.kind(), bar.startMs(), bar.ms(), whole);
      main.setClassName("sb-sum", bar.sum());
      Div track = Parts.box("sb-fall-track", main);
      if (bar.computeMs() > 0) {
        track.add(piece(Receipt.Kind.COMPUTE, bar.startMs(), bar.computeMs(), whole));
      }
      if (bar.offCpuMs() > 0) {
        double from = bar.startMs() + bar.computeMs();
        track.add(piece(Receipt.Kind.OFF_CPU, from, bar.offCpuMs(), whole));
      }
      String text = bar.critical() ? bar.name() + " · critical" : bar.name();
      Span name = Parts.text(bar.deep() ? "sb-fall-name sb-deep" : "sb-fall-name", text);
      if (bar.critical()) {
        name.addClassName("sb-critical");
        track.addClassName("sb-critical");
      }
      if (!bar.about().isEmpty()) {
        name.setTitle(bar.about());
        track.setTitle(bar.name() + ": " + bar.about());
      }
      fall.add(name, track, Parts.text("sb-fall-ms", Format.millis(bar.ms())));
    }
    return fall;
  }

  private static Div piece(Receipt.Kind kind, double startMs, double ms, double whole) {
    Div piece = Parts.box("sb-fall-bar " + kind.className());
    piece.getStyle().set("left", percent(startMs / whole));
    piece.getStyle().set("width", percent(ms / whole));
    return piece;
  }

  private static String percent(double share) {
    return String.format(Locale.ROOT, "%.3f%%", Math.clamp(share, 0, 1) * 100);
  }

  private static Component candidates(Receipt receipt) {
    PlainTable table =
        new PlainTable(
            "Replica",
            "",
            "First token",
            "First token, p90",
            "Per token",
            "In flight",
            "Waiting",
            "Prefix tokens",
            "Weight",
            "Circuit");
    table.show(receipt.candidates());
    return table;
  }
}

package dev.switchboard.console.requests;

import com.vaadin.flow.component.Component;
import com.vaadin.flow.component.html.Div;
import com.vaadin.flow.component.html.Paragraph;
import com.vaadin.flow.component.html.Span;
import com.vaadin.flow.router.BeforeEnterEvent;
import com.vaadin.flow.router.BeforeEnterObserver;
import com.vaadin.flow.router.NotFoundException;
import com.vaadin.flow.router.PageTitle;
import com.vaadin.flow.router.Route;
import dev.switchboard.console.api.AdminClient;
import dev.switchboard.console.api.ApiFailure;
import dev.switchboard.console.api.Role;
import dev.switchboard.console.live.LiveGateway;
import dev.switchboard.console.ui.Format;
import dev.switchboard.console.ui.MainLayout;
import dev.switchboard.console.ui.Needs;
import dev.switchboard.console.ui.Parts;
import dev.switchboard.console.ui.Paths;
import dev.switchboard.console.ui.PlainTable;
import dev.switchboard.console.ui.Services;
import tools.jackson.databind.JsonNode;

/** Two requests of a gateway beside each other, phase by phase. */
@Route(value = "compare/:gateway/:first/:second", layout = MainLayout.class)
@PageTitle("Two requests · Switchboard")
@Needs(Role.VIEWER)
public final class CompareView extends Div implements BeforeEnterObserver {
  public CompareView() {
    addClassName("sb-view");
  }

  @Override
  public void beforeEnter(BeforeEnterEvent event) {
    removeAll();
    String first = Paths.parameter(event, "first");
    String second = Paths.parameter(event, "second");
    LiveGateway gateway =
        Services.get().gateways().find(Paths.parameter(event, "gateway")).orElse(null);
    if (gateway == null) {
      event.rerouteToError(NotFoundException.class);
      return;
    }
    add(
        Parts.head(
            "Two requests",
            Parts.box(
                "sb-crumbs",
                Parts.link("requests", "Requests"),
                new Span("/"),
                new Span(gateway.name()))));
    try {
      show(gateway, first, timeline(gateway, first), second, timeline(gateway, second));
    } catch (ApiFailure e) {
      add(Parts.box("sb-card", Parts.failure("These cannot be compared", e.sentence())));
    }
  }

  private static JsonNode timeline(LiveGateway gateway, String id) throws ApiFailure {
    return gateway.client().get("/admin/v1/requests/" + AdminClient.encode(id) + "/timeline");
  }

  private void show(LiveGateway gateway, String first, JsonNode a, String second, JsonNode b) {
    Comparison comparison = new Comparison(a, b);
    Paragraph sentence = new Paragraph(comparison.sentence());
    sentence.addClassName("sb-verdict");
    PlainTable facts = new PlainTable("", ordinal("First", first), ordinal("Second", second));
    facts.show(comparison.facts());
    PlainTable phases =
        new PlainTable(
            "Phase", ordinal("First", first), ordinal("Second", second), "Second more by");
    phases.show(comparison.rows());
    double longest = Math.max(a.path("wall_ms").asDouble(0), b.path("wall_ms").asDouble(0));
    add(
        Parts.box("sb-card", sentence, facts),
        Parts.card("Phase by phase, what differs most first", phases),
        Parts.box(
            "sb-halves",
            waterfall("First", gateway, first, a, longest),
            waterfall("Second", gateway, second, b, longest)));
  }

  private static String ordinal(String which, String id) {
    return which + ", " + Format.shortId(id);
  }

  /** Both over the same time, so that their bars can be compared. */
  private static Component waterfall(
      String title, LiveGateway gateway, String id, JsonNode timeline, double longestMs) {
    return Parts.card(
        title,
        Parts.link(Paths.request(gateway.name(), id), id),
        new Component[] {RequestView.fall(new Receipt(timeline).phases(), longestMs)});
  }
}

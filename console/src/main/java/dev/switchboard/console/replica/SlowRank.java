package dev.switchboard.console.replica;

import com.vaadin.flow.component.html.Anchor;
import com.vaadin.flow.component.html.Div;
import com.vaadin.flow.component.html.Span;
import dev.switchboard.console.ui.Icon;
import dev.switchboard.console.ui.Parts;
import dev.switchboard.console.ui.Paths;
import dev.switchboard.console.ui.Tone;

/** Says that a rank holds up its stage, and leads to the requests that waited for it. */
final class SlowRank extends Div {
  private final Span who = new Span();
  private final Anchor waited = new Anchor();
  private final Span cost = new Span();

  SlowRank() {
    addClassNames("sb-notice", Tone.WARN.className());
    add(new Icon("alert"), new Div(who, waited, cost));
  }

  void show(String gateway, String replica, ReplicaPresenter.Slow slow) {
    Parts.set(who, "Held up by " + slow.where() + ". ");
    Parts.set(waited, slow.waited());
    String address = Paths.waitedFor(gateway, replica, slow.rankOfStage());
    if (!address.equals(waited.getHref())) {
      waited.setHref(address);
    }
    waited.setVisible(slow.requests() > 0);
    Parts.set(cost, slow.cost());
  }
}

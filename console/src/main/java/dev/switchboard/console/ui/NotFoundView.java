package dev.switchboard.console.ui;

import com.vaadin.flow.component.html.Div;
import com.vaadin.flow.router.BeforeEnterEvent;
import com.vaadin.flow.router.ErrorParameter;
import com.vaadin.flow.router.HasErrorParameter;
import com.vaadin.flow.router.NotFoundException;
import com.vaadin.flow.router.PageTitle;
import jakarta.servlet.http.HttpServletResponse;

/** What is shown for paths that are none, and for views that a role may not see. */
@PageTitle("No such page · Switchboard")
@Open
public final class NotFoundView extends Div implements HasErrorParameter<NotFoundException> {
  public NotFoundView() {
    addClassName("sb-door");
    Div card =
        Parts.empty(
            "search",
            "There is no such page",
            "The address may be mistyped or name a gateway that is not configured, or your role may"
                + " not see it.");
    card.add(Parts.link("/", "Go to the fleet"));
    add(card);
  }

  @Override
  public int setErrorParameter(BeforeEnterEvent event, ErrorParameter<NotFoundException> error) {
    return HttpServletResponse.SC_NOT_FOUND;
  }
}

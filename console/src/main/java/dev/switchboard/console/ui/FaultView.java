package dev.switchboard.console.ui;

import com.vaadin.flow.component.html.Div;
import com.vaadin.flow.router.BeforeEnterEvent;
import com.vaadin.flow.router.ErrorParameter;
import com.vaadin.flow.router.HasErrorParameter;
import com.vaadin.flow.router.PageTitle;
import jakarta.servlet.http.HttpServletResponse;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What is shown where a view broke; the reason is in the console's log only. */
@PageTitle("Fault · Switchboard")
@Open
public final class FaultView extends Div implements HasErrorParameter<Exception> {
  private static final Logger LOG = LoggerFactory.getLogger(FaultView.class);

  public FaultView() {
    addClassName("sb-door");
    Div card =
        Parts.failure(
            "This page broke",
            "The console's log has the reason. The gateways are not touched by it.");
    card.add(Parts.link("/", "Go to the fleet"));
    add(card);
  }

  @Override
  public int setErrorParameter(BeforeEnterEvent event, ErrorParameter<Exception> error) {
    LOG.error("view_failed path={}", event.getLocation().getPath(), error.getException());
    return HttpServletResponse.SC_INTERNAL_SERVER_ERROR;
  }
}

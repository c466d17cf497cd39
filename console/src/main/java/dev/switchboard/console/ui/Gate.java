package dev.switchboard.console.ui;

import com.vaadin.flow.router.BeforeEnterEvent;
import com.vaadin.flow.router.Location;
import com.vaadin.flow.router.NotFoundException;
import com.vaadin.flow.router.Router;
import com.vaadin.flow.server.ServiceInitEvent;
import com.vaadin.flow.server.VaadinServiceInitListener;
import com.vaadin.flow.server.communication.IndexHtmlResponse;
import dev.switchboard.console.auth.Person;
import jakarta.servlet.http.HttpServletResponse;
import java.util.Optional;

/** Lets nobody into a view that his role may not see; who is not signed in is asked to. */
public final class Gate implements VaadinServiceInitListener {
  private static final long serialVersionUID = 1;

  /** Made by Vaadin. */
  public Gate() {}

  @Override
  public void serviceInit(ServiceInitEvent event) {
    event.getSource().addUIInitListener(ui -> ui.getUI().addBeforeEnterListener(Gate::check));
    event.addIndexHtmlRequestListener(Gate::answer);
  }

  /** The page comes before its view: what is no view is answered 404 all the same. */
  private static void answer(IndexHtmlResponse page) {
    String path = page.getVaadinRequest().getPathInfo();
    String relative = path == null || path.isEmpty() ? "" : path.substring(1);
    if (!isView(page.getVaadinRequest().getService().getRouter(), relative)) {
      page.getVaadinResponse().setStatus(HttpServletResponse.SC_NOT_FOUND);
    }
  }

  private static boolean isView(Router router, String path) {
    try {
      return router.resolveNavigationTarget(new Location(path)).isPresent();
    } catch (IllegalArgumentException _) {
      return false;
    }
  }

  private static void check(BeforeEnterEvent event) {
    Class<?> target = event.getNavigationTarget();
    if (event.isErrorEvent() || target.isAnnotationPresent(Open.class)) {
      return;
    }
    Needs needs = target.getAnnotation(Needs.class);
    Optional<Person> person = Visit.person();
    Visit.use();
    if (person.isEmpty()) {
      Visit.want(event.getLocation().getPathWithQueryParameters());
      event.forwardTo(SignInView.class);
    } else if (needs == null || !person.get().role().includes(needs.value())) {
      event.rerouteToError(NotFoundException.class);
    }
  }
}

package dev.switchboard.console.ui;

import com.vaadin.flow.component.Component;
import com.vaadin.flow.router.BeforeEnterEvent;
import com.vaadin.flow.router.NotFoundException;
import com.vaadin.flow.router.QueryParameters;
import dev.switchboard.console.api.AdminClient;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;

/** The addresses of views, without the first slash. */
public final class Paths {
  private Paths() {}

  public static String replica(String gateway, String replica) {
    return "replicas/" + segment(gateway) + "/" + segment(replica);
  }

  public static String request(String gateway, String request) {
    return "requests/" + segment(gateway) + "/" + segment(request);
  }

  /**
   * Requests of a replica that waited for one of its ranks.
   *
   * @param rank as stage.rank
   */
  public static String waitedFor(String gateway, String replica, String rank) {
    boolean several = Services.get().gateways().all().size() > 1;
    Map<String, String> query = new LinkedHashMap<>();
    query.put("gateway", several ? gateway : "");
    query.put("replica", replica);
    query.put("waited_for", rank);
    return "requests" + AdminClient.query(query);
  }

  /**
   * Leads to the same address with the gateway of which the view is, where there are several and
   * the address has none: whoever is sent it sees the same. One that is not configured is not
   * found: another gateway's numbers would be taken for its own.
   */
  public static void keepGateway(BeforeEnterEvent event, String gateway) {
    QueryParameters query = event.getLocation().getQueryParameters();
    boolean several = Services.get().gateways().all().size() > 1;
    String named = query.getSingleParameter("gateway").orElse("");
    if (!named.isEmpty() && Services.get().gateways().find(named).isEmpty()) {
      event.rerouteToError(NotFoundException.class);
    } else if (several && named.isEmpty()) {
      event.forwardTo(
          event.getNavigationTarget().asSubclass(Component.class),
          query.merging("gateway", gateway));
    }
  }

  /** Two requests beside each other. */
  public static String compare(String gateway, String first, String second) {
    return "compare/" + segment(gateway) + "/" + segment(first) + "/" + segment(second);
  }

  /**
   * A parameter of the path as it was before it was written into one: the router leaves it as it
   * came.
   */
  public static String parameter(BeforeEnterEvent event, String name) {
    String raw = event.getRouteParameters().get(name).orElse("");
    try {
      return URLDecoder.decode(raw.replace("+", "%2B"), StandardCharsets.UTF_8);
    } catch (IllegalArgumentException _) {
      // A percent sign that encodes nothing stands for itself.
      return raw;
    }
  }

  /** Gateways are named by host and port, whose colon need not be encoded there. */
  private static String segment(String text) {
    return AdminClient.encode(text).replace("%3A", ":");
  }
}

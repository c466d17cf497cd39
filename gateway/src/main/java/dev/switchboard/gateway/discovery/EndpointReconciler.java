package dev.switchboard.gateway.discovery;

import dev.switchboard.gateway.fleet.DiscoveredServer;
import dev.switchboard.gateway.fleet.DiscoveredServer.Orders;
import dev.switchboard.gateway.fleet.UpstreamAccess;
import dev.switchboard.gateway.fleet.UpstreamSpec;
import java.net.URI;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Says what the fleet is to do with the endpoints that are known at a moment.
 *
 * <p>One that is ready for the first time serves at once. One that becomes unready keeps its
 * requests, and gets new ones until it was unready for long enough; it returns at once after the
 * first time, and after more such turns in a minute only when it was ready for a second, then two,
 * four, at most thirty. One that terminates leaves: while it still answers its requests may end
 * there for a while, and then move. One that is no longer named leaves at once.
 *
 * <p>Pure: the time comes in. Not safe for several threads.
 */
public final class EndpointReconciler {
  private static final long SECOND = 1_000_000_000L;

  /** Turns longer ago than this are forgiven. */
  private static final long CALM_NANOS = 60 * SECOND;

  private static final long MOST_STEADY_NANOS = 30 * SECOND;
  private static final int MOST_DOUBLINGS = 5;
  private static final String UNREADY = "Kubernetes says that it is not ready";
  private static final String CORDONED = "annotation " + PodAnnotations.CORDON;
  private static final String DRAINED = "annotation " + PodAnnotations.DRAIN;

  /**
   * A source with its key read.
   *
   * @param namespace in which it is
   */
  public record Source(ModelSource model, String namespace, UpstreamAccess access) {}

  /**
   * How patient it is.
   *
   * @param drainGraceMs requests of one that ends may take to end there
   * @param unreadyMs until one that is unready gets no new requests
   */
  public record Patience(long drainGraceMs, long unreadyMs) {}

  private static final class Seen {
    final DiscoveredServer found;
    final String host;
    long unreadyNanos;
    long readyNanos;
    boolean held;
    int turns;

    Seen(DiscoveredServer found, String host, long nowNanos) {
      this.found = found;
      this.host = host;
      this.readyNanos = nowNanos;
    }
  }

  private Patience patience;
  private Map<String, Seen> seen = new HashMap<>();
  private long dueNanos = Long.MAX_VALUE;

  public EndpointReconciler(Patience patience) {
    this.patience = patience;
  }

  /** Is otherwise patient from now on. */
  public void reconfigure(Patience other) {
    patience = other;
  }

  /**
   * Takes what is known of each source now.
   *
   * @param marks of a pod by its namespace and name, with a slash between
   */
  public List<DiscoveredServer> take(
      Map<Source, List<Endpoint>> known,
      Function<String, @Nullable PodAnnotations> marks,
      long nowNanos) {
    dueNanos = Long.MAX_VALUE;
    Map<String, Seen> still = new HashMap<>();
    Set<String> taken = new HashSet<>();
    List<DiscoveredServer> all = new ArrayList<>();
    known.forEach(
        (source, endpoints) -> {
          for (Endpoint endpoint : endpoints) {
            String place = source.model().model() + " " + endpoint.key();
            if (taken.add(place)) {
              add(source, endpoint, place, marks, nowNanos, still, all);
            }
          }
        });
    seen = still;
    return all;
  }

  private void add(
      Source source,
      Endpoint endpoint,
      String place,
      Function<String, @Nullable PodAnnotations> marks,
      long now,
      Map<String, Seen> still,
      List<DiscoveredServer> all) {
    Seen one = seen.get(place);
    boolean same =
        one != null
            && one.host.equals(endpoint.host())
            && one.found.standby() == source.model().standsBy()
            && Objects.equals(one.found.access().authorization(), source.access().authorization())
            && Objects.equals(one.found.access().authorities(), source.access().authorities());
    boolean serves = endpoint.ready() && !endpoint.terminating();
    if (one == null && !serves) {
      return;
    }
    if (one == null || !same) {
      Seen before = one;
      one = new Seen(found(source, endpoint), endpoint.host(), now);
      if (before != null) {
        one.held = before.held;
        one.turns = before.turns;
        one.unreadyNanos = before.unreadyNanos;
        one.readyNanos = before.readyNanos;
      }
    }
    still.put(place, one);
    all.add(one.found.with(orders(one, endpoint, mark(endpoint, marks), now)));
  }

  private static PodAnnotations mark(
      Endpoint endpoint, Function<String, @Nullable PodAnnotations> marks) {
    PodAnnotations known =
        endpoint.pod().name().isEmpty()
            ? null
            : marks.apply(endpoint.pod().namespace() + "/" + endpoint.pod().name());
    return known == null ? PodAnnotations.NONE : known;
  }

  private static DiscoveredServer found(Source source, Endpoint endpoint) {
    URI url = source.model().url(endpoint.host(), endpoint.port());
    UpstreamSpec spec = source.model().spec(url);
    UpstreamAccess access =
        source.access().at(url, source.model().certificateName(source.namespace()));
    return new DiscoveredServer(
        spec,
        source.model().model(),
        access,
        endpoint.pod(),
        source.model().standsBy(),
        DiscoveredServer.SERVE);
  }

  private Orders orders(Seen one, Endpoint endpoint, PodAnnotations marks, long now) {
    if (endpoint.terminating()) {
      String name = endpoint.pod().name();
      return new DiscoveredServer.Leave(
          name.isEmpty() ? "its pod ends" : "pod " + name + " ends",
          endpoint.serving() ? patience.drainGraceMs() : 0);
    }
    readiness(one, endpoint.ready(), now);
    String held = one.held ? UNREADY : marks.cordon() ? CORDONED : null;
    if (held == null && !marks.drain()) {
      return DiscoveredServer.SERVE;
    }
    return new DiscoveredServer.Stay(held, marks.drain() ? DRAINED : null, patience.drainGraceMs());
  }

  private void readiness(Seen one, boolean ready, long now) {
    if (ready) {
      if (one.unreadyNanos != 0) {
        one.unreadyNanos = 0;
        one.readyNanos = now;
      }
      if (one.held) {
        long since = one.readyNanos + steadyNanos(one.turns);
        one.held = now < since;
        due(one.held ? since : Long.MAX_VALUE);
      } else if (now - one.readyNanos >= CALM_NANOS) {
        one.turns = 0;
      }
      return;
    }
    one.unreadyNanos = one.unreadyNanos == 0 ? now : one.unreadyNanos;
    long until = one.unreadyNanos + patience.unreadyMs() * 1_000_000;
    if (!one.held && now >= until) {
      one.held = true;
      one.turns++;
    } else if (!one.held) {
      due(until);
    }
  }

  private static long steadyNanos(int turns) {
    return turns <= 1
        ? 0
        : Math.min(MOST_STEADY_NANOS, SECOND << Math.min(turns - 2, MOST_DOUBLINGS));
  }

  private void due(long atNanos) {
    dueNanos = Math.min(dueNanos, atNanos);
  }

  /** When something is to be done though nothing changes; {@link Long#MAX_VALUE} for never. */
  public long dueNanos() {
    return dueNanos;
  }
}

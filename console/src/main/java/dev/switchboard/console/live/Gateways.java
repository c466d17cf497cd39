package dev.switchboard.console.live;

import dev.switchboard.console.api.AdminClient;
import dev.switchboard.console.api.AdminKeys;
import dev.switchboard.console.api.GatewayAddress;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLContext;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * All gateways, and who wants to hear that something changed. Listeners are called on one thread,
 * at most four times a second, and at least once a second so that ages go on.
 */
public final class Gateways implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Gateways.class);
  private static final Duration LEAST_GAP = Duration.ofMillis(250);
  private static final Duration MOST_GAP = Duration.ofSeconds(1);

  private final List<LiveGateway> all;
  private final Set<Runnable> listeners = ConcurrentHashMap.newKeySet();
  private final Semaphore changed = new Semaphore(0);
  private final Thread teller;

  private Gateways(
      List<GatewayAddress> addresses,
      AdminKeys keys,
      @Nullable SSLContext trust,
      Path folder,
      Clock clock) {
    all =
        addresses.stream()
            .map(
                address ->
                    new LiveGateway(
                        new AdminClient(address, keys, trust), folder, clock, changed::release))
            .toList();
    teller = Thread.ofVirtual().name("tell").unstarted(this::tell);
  }

  /** Begins to listen to all of them; none has to be there. */
  public static Gateways start(
      List<GatewayAddress> addresses, AdminKeys keys, Path folder, Clock clock) {
    return start(addresses, keys, null, folder, clock);
  }

  /**
   * The same.
   *
   * @param trust whom to believe where they are called by https; null for the system's word
   */
  public static Gateways start(
      List<GatewayAddress> addresses,
      AdminKeys keys,
      @Nullable SSLContext trust,
      Path folder,
      Clock clock) {
    Gateways gateways = new Gateways(addresses, keys, trust, folder, clock);
    gateways.all.forEach(LiveGateway::start);
    gateways.teller.start();
    return gateways;
  }

  public List<LiveGateway> all() {
    return all;
  }

  public Optional<LiveGateway> find(String name) {
    return all.stream().filter(gateway -> gateway.name().equals(name)).findFirst();
  }

  /** Calls the listener from now on; what it returns ends that. */
  public Runnable listen(Runnable listener) {
    listeners.add(listener);
    return () -> listeners.remove(listener);
  }

  /** Has the listeners be called soon, for what comes from elsewhere. */
  public void changed() {
    changed.release();
  }

  private void tell() {
    try {
      while (true) {
        boolean _ = changed.tryAcquire(MOST_GAP.toMillis(), TimeUnit.MILLISECONDS);
        changed.drainPermits();
        listeners.forEach(Gateways::call);
        Thread.sleep(LEAST_GAP);
      }
    } catch (InterruptedException _) {
      // The console stops.
    }
  }

  private static void call(Runnable listener) {
    try {
      listener.run();
    } catch (RuntimeException e) {
      LOG.warn("listener_failed", e);
    }
  }

  @Override
  public void close() {
    teller.interrupt();
    all.forEach(LiveGateway::close);
  }
}

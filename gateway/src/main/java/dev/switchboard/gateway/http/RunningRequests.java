package dev.switchboard.gateway.http;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The requests that run on all event loops, for whoever asks from another one: each loop is asked
 * and answers when it comes to that. Safe on any thread.
 */
public final class RunningRequests {
  private final Supplier<List<PublicServer>> servers;

  public RunningRequests(Supplier<List<PublicServer>> servers) {
    this.servers = servers;
  }

  /** Those that are wanted, in no order. */
  public CompletionStage<List<RunningRequest>> find(Predicate<RunningRequest> wanted) {
    List<RunningRequest> found = Collections.synchronizedList(new ArrayList<>());
    return each(exchange -> {
          RunningRequest request = exchange.look();
          if (wanted.test(request)) {
            found.add(request);
          }
        })
        .thenApply(done -> List.copyOf(found));
  }

  /**
   * Ends every request with an id, of which there is one unless clients chose the same.
   *
   * @return how they stood before; empty where none ran
   */
  public CompletionStage<List<RunningRequest>> cancel(String id) {
    List<RunningRequest> cancelled = Collections.synchronizedList(new ArrayList<>());
    return each(exchange -> {
          @Nullable RunningRequest before = exchange.is(id) ? exchange.cancel() : null;
          if (before != null) {
            cancelled.add(before);
          }
        })
        .thenApply(done -> List.copyOf(cancelled));
  }

  private CompletionStage<Void> each(Consumer<Exchange> action) {
    List<PublicServer> all = servers.get();
    CompletableFuture<Void> done = new CompletableFuture<>();
    AtomicInteger left = new AtomicInteger(all.size());
    for (PublicServer server : all) {
      server.eachRunning(
          action,
          () -> {
            if (left.decrementAndGet() == 0) {
              done.complete(null);
            }
          });
    }
    return done;
  }
}

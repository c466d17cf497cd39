package dev.switchboard.gateway.boot;

import dev.switchboard.gateway.admin.GatewayFacts;
import dev.switchboard.gateway.admin.GatewayList;
import dev.switchboard.gateway.autoscaling.GatewayLoads;
import dev.switchboard.gateway.shared.SharedConfig;
import dev.switchboard.gateway.shared.ValkeyGateways;
import dev.switchboard.gateway.store.GatewayCard;
import dev.switchboard.gateway.store.Store;
import dev.switchboard.timers.Timers;
import io.vertx.core.Context;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import java.util.List;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Says that this gateway is there, to those it shares a store or a Valkey with. */
final class Heartbeat implements GatewayList.Sources, AutoCloseable {
  private final Store store;
  private final @Nullable ValkeyGateways valkey;
  private final Supplier<GatewayFacts> facts;
  private final GatewayLoads loads;
  private final LongSupplier epochMs;

  /** It has said that it ends, behind which nothing must say that it is there. */
  private boolean left;

  /** Others can read what stands in the store while this gateway runs. */
  private final boolean storeShared;

  Heartbeat(
      Vertx vertx,
      Store store,
      SharedConfig shared,
      Supplier<GatewayFacts> facts,
      GatewayLoads loads,
      LongSupplier epochMs) {
    this.store = store;
    this.storeShared = store.shared();
    this.valkey = shared.url().isEmpty() ? null : new ValkeyGateways(vertx, shared);
    this.facts = facts;
    this.loads = loads;
    this.epochMs = epochMs;
  }

  /** Once it listens, since it says where. */
  void start(Vertx vertx, Timers timers) {
    beat();
    timers.every(GatewayList.BEAT_MS, this::beat);
    if (storeShared || valkey != null) {
      timers.every(GatewayLoads.TELL_MS, () -> tellLoads(vertx.getOrCreateContext()));
    }
  }

  private void beat() {
    GatewayCard card = card();
    store(card);
    valkey(card);
  }

  private GatewayCard card() {
    GatewayFacts now = facts.get();
    return new GatewayCard(
        now.identity().id(), epochMs.getAsLong(), GatewayList.about(now, loads.told()));
  }

  /** Says what this gateway has to do, and hears what the others have. */
  private void tellLoads(Context context) {
    GatewayCard card = card();
    Future<List<GatewayCard>> shared = shared();
    if (shared != null) {
      valkey(card);
      shared.onSuccess(this::heard);
    } else if (storeShared) {
      store(card);
      stored(context).onSuccess(this::heard);
    }
  }

  private synchronized void store(GatewayCard card) {
    if (!left) {
      store.heard(card);
    }
  }

  private synchronized void valkey(GatewayCard card) {
    if (valkey != null && !left) {
      valkey.heard(card);
    }
  }

  private void heard(List<GatewayCard> cards) {
    for (GatewayCard card : cards) {
      loads.heard(card.id(), card.heardMs(), GatewayList.loads(card.about()));
    }
    loads.present(cards.stream().map(GatewayCard::id).collect(Collectors.toSet()));
  }

  @Override
  public Future<List<GatewayCard>> stored(Context context) {
    return Future.fromCompletionStage(store.gateways(), context);
  }

  @Override
  public @Nullable Future<List<GatewayCard>> shared() {
    return valkey == null ? null : valkey.all(epochMs.getAsLong());
  }

  /** Whether the Valkey answered when it was asked last; false without one. */
  boolean reached() {
    return valkey != null && valkey.reached();
  }

  /** Says that this gateway ends: the others count what it had no longer. */
  synchronized Future<?> leave() {
    String id = facts.get().identity().id();
    left = true;
    store.left(id);
    return valkey == null ? Future.succeededFuture() : valkey.left(id);
  }

  @Override
  public void close() {
    if (valkey != null) {
      valkey.close();
    }
  }
}

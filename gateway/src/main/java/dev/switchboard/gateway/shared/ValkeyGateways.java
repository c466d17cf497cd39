package dev.switchboard.gateway.shared;

import dev.switchboard.gateway.store.GatewayCard;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.redis.client.Command;
import io.vertx.redis.client.Redis;
import io.vertx.redis.client.RedisOptions;
import io.vertx.redis.client.Request;
import io.vertx.redis.client.Response;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The gateways that share a Valkey: each says that it is there, and is forgotten after an hour. */
public final class ValkeyGateways implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(ValkeyGateways.class);
  private static final String CARDS = "switchboard:gateways";
  private static final long KNOWN_MS = 3_600_000;
  private static final int MOST_GATEWAYS = 1000;
  private static final int MOST_BYTES = 4096;

  /** An operator waits for it, not a request. */
  private static final int TIMEOUT_MS = 1000;

  private final Redis redis;
  private volatile boolean reached;

  /** Connects when there is something to say. */
  public ValkeyGateways(Vertx vertx, SharedConfig config) {
    this.redis =
        Redis.createClient(
            vertx, new RedisOptions().setConnectionString(config.url()).setMaxPoolSize(1));
  }

  /** Says that a gateway is there. */
  public void heard(GatewayCard card) {
    send(Request.cmd(Command.HSET)
            .arg(CARDS)
            .arg(card.id())
            .arg(card.heardMs() + " " + card.about()))
        .compose(said -> send(Request.cmd(Command.PEXPIRE).arg(CARDS).arg(KNOWN_MS)))
        .onFailure(cause -> LOG.debug("shared_gateways_untold", cause));
  }

  /** A gateway ends and need not be looked for. */
  public Future<?> left(String gatewayId) {
    return send(Request.cmd(Command.HDEL).arg(CARDS).arg(gatewayId)).otherwiseEmpty();
  }

  /** Those heard within the last hour; fails where the server does not answer. */
  public Future<List<GatewayCard>> all(long nowMs) {
    return send(Request.cmd(Command.HGETALL).arg(CARDS)).map(told -> cards(told, nowMs));
  }

  private Future<@Nullable Response> send(Request request) {
    return redis
        .send(request)
        .timeout(TIMEOUT_MS, TimeUnit.MILLISECONDS)
        .onComplete(told -> reached = told.succeeded());
  }

  /** Whether it answered when it was asked last, which is every few seconds. */
  public boolean reached() {
    return reached;
  }

  private List<GatewayCard> cards(@Nullable Response told, long nowMs) {
    List<GatewayCard> cards = new ArrayList<>();
    if (told == null) {
      return cards;
    }
    for (String id : told.getKeys()) {
      GatewayCard card = card(id, String.valueOf(told.get(id)));
      if (card != null && card.heardMs() >= nowMs - KNOWN_MS && cards.size() < MOST_GATEWAYS) {
        cards.add(card);
      } else {
        Future<?> _ = left(id);
      }
    }
    return cards;
  }

  /** Whoever can write there could write anything. */
  private static @Nullable GatewayCard card(String id, String text) {
    int space = text.indexOf(' ');
    if (space < 1 || text.length() > MOST_BYTES || id.length() > 64) {
      return null;
    }
    try {
      return new GatewayCard(
          id, Long.parseLong(text.substring(0, space)), text.substring(space + 1));
    } catch (NumberFormatException e) {
      LOG.debug("shared_gateway_unreadable", e);
      return null;
    }
  }

  @Override
  public void close() {
    redis.close();
  }
}

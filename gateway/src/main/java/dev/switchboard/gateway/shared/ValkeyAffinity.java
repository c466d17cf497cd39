package dev.switchboard.gateway.shared;

import dev.switchboard.gateway.routing.Affinity;
import dev.switchboard.timers.Timers;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.redis.client.Command;
import io.vertx.redis.client.Redis;
import io.vertx.redis.client.RedisConnection;
import io.vertx.redis.client.RedisOptions;
import io.vertx.redis.client.Request;
import io.vertx.redis.client.Response;
import java.net.URI;
import java.util.HexFormat;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BiFunction;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tells other gateways where prompts and sessions went, and hears it from them, over a channel of a
 * Valkey. Only of servers that all of them know by URL; a worker belongs to one gateway.
 *
 * <p>Nothing waits for it: what is told comes behind the request that it tells of, what is heard
 * goes into this gateway's own memory, which is bounded, and what gets lost costs a cache hit. A
 * prompt's hashes are salted; so that they mean the same everywhere, the first gateway leaves the
 * salt's key there for the others.
 */
public final class ValkeyAffinity implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(ValkeyAffinity.class);
  private static final String CHANNEL = "switchboard:affinity";
  private static final String SALT = "switchboard:salt";

  /** Of a longer prompt the beginning is told. */
  private static final int MOST_BLOCKS = 256;

  /** Messages on their way; more are not told. */
  private static final int MOST_UNDER_WAY = 1024;

  private static final int MOST_BYTES = 16 << 10;

  /** Who, model, URL, tenant, session, tokens of a block, hashes. */
  private static final int PARTS = 7;

  private final Timers timers;
  private final SharedConfig config;
  private final Affinity affinity;
  private final Function<String, @Nullable URI> addresses;
  private final BiFunction<String, URI, @Nullable String> replicas;
  private final String self = UUID.randomUUID().toString();
  private final Redis redis;
  private final AtomicInteger underWay = new AtomicInteger();
  private volatile boolean closed;
  private volatile @Nullable RedisConnection listening;

  /**
   * @param addresses of a replica that others may know too; null of any other
   * @param replicas of a model at an address; null where there is none
   */
  public ValkeyAffinity(
      Vertx vertx,
      Timers timers,
      SharedConfig config,
      Affinity affinity,
      Function<String, @Nullable URI> addresses,
      BiFunction<String, URI, @Nullable String> replicas) {
    this.timers = timers;
    this.config = config;
    this.affinity = affinity;
    this.addresses = addresses;
    this.replicas = replicas;
    this.redis =
        Redis.createClient(
            vertx, new RedisOptions().setConnectionString(config.url()).setMaxPoolSize(2));
  }

  /**
   * Begins to tell and to hear.
   *
   * @param key offered for the salt where none is there yet
   * @param agreed takes the one that all go by
   */
  public void start(byte[] key, Consumer<byte[]> agreed) {
    affinity.tell(this::sent);
    connect(key, agreed);
  }

  private void connect(byte[] key, Consumer<byte[]> agreed) {
    if (closed) {
      return;
    }
    redis
        .send(Request.cmd(Command.SET).arg(SALT).arg(HexFormat.of().formatHex(key)).arg("NX"))
        .compose(set -> redis.send(Request.cmd(Command.GET).arg(SALT)))
        .map(told -> HexFormat.of().parseHex(String.valueOf(told)))
        .onSuccess(agreed::accept)
        .compose(done -> redis.connect())
        .compose(this::listen)
        .onSuccess(done -> LOG.info("shared_affinity_heard"))
        .onFailure(
            cause -> {
              LOG.debug("shared_affinity_lost", cause);
              again(key, agreed);
            })
        .onSuccess(connection -> connection.endHandler(gone -> again(key, agreed)));
  }

  private void again(byte[] key, Consumer<byte[]> agreed) {
    if (!closed) {
      timers.after(config.retryMs(), () -> connect(key, agreed));
    }
  }

  private Future<RedisConnection> listen(RedisConnection connection) {
    listening = connection;
    connection.handler(this::heard);
    connection.exceptionHandler(cause -> LOG.debug("shared_affinity_lost", cause));
    return connection.send(Request.cmd(Command.SUBSCRIBE).arg(CHANNEL)).map(connection);
  }

  private void sent(String model, String replica, Affinity.Key key) {
    URI address = addresses.apply(replica);
    String session = key.session();
    if (address == null || (key.chain().length == 0 && session == null)) {
      return;
    }
    if (underWay.incrementAndGet() > MOST_UNDER_WAY) {
      underWay.decrementAndGet();
      return;
    }
    String message =
        String.join(
            "\n",
            self,
            model,
            address.toString(),
            key.tenant(),
            session == null ? "" : session,
            Integer.toString(key.blockTokens()),
            hashes(key.chain()));
    redis
        .send(Request.cmd(Command.PUBLISH).arg(CHANNEL).arg(message))
        .timeout(config.timeoutMs(), TimeUnit.MILLISECONDS)
        .onFailure(cause -> LOG.debug("shared_affinity_untold", cause))
        .onComplete(done -> underWay.decrementAndGet());
  }

  private static String hashes(long[] chain) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < Math.min(chain.length, MOST_BLOCKS); i++) {
      text.append(HexFormat.of().toHexDigits(chain[i]));
    }
    return text.toString();
  }

  /** Whoever can write there could write anything: what is not as above is passed over. */
  private void heard(@Nullable Response response) {
    if (response == null || response.size() != 3 || !"message".equals(response.get(0).toString())) {
      return;
    }
    String text = response.get(2).toString();
    String[] parts = text.length() > MOST_BYTES ? new String[0] : text.split("\n", -1);
    if (parts.length != PARTS || parts[0].equals(self)) {
      return;
    }
    try {
      learn(parts);
    } catch (IllegalArgumentException e) {
      LOG.debug("shared_affinity_unreadable", e);
    }
  }

  private void learn(String[] parts) {
    String replica = replicas.apply(parts[1], URI.create(parts[2]));
    if (replica != null) {
      String session = parts[4].isEmpty() ? null : parts[4];
      long[] chain = chain(parts[6]);
      int blockTokens = Integer.parseInt(parts[5]);
      affinity.learned(parts[1], replica, new Affinity.Key(chain, blockTokens, parts[3], session));
    }
  }

  private static long[] chain(String hashes) {
    int digits = Long.BYTES * 2;
    int blocks = Math.min(hashes.length() / digits, MOST_BLOCKS);
    long[] chain = new long[blocks];
    for (int i = 0; i < blocks; i++) {
      chain[i] = HexFormat.fromHexDigitsToLong(hashes, i * digits, (i + 1) * digits);
    }
    return chain;
  }

  @Override
  public void close() {
    closed = true;
    RedisConnection connection = listening;
    if (connection != null) {
      Future<Void> _ = connection.close();
    }
    redis.close();
  }
}

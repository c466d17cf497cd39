package dev.switchboard.console.live;

import dev.switchboard.console.api.AdminClient;
import dev.switchboard.console.api.ApiFailure;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * One gateway as the console knows it. Three virtual threads keep it: one polls replicas every two
 * seconds and whenever an event says that one changed, one scrapes /metrics every five, one listens
 * to the events. Nobody else reads any of that, however many sessions there are.
 */
public final class LiveGateway implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(LiveGateway.class);
  private static final Duration POLL = Duration.ofSeconds(2);
  private static final Duration SCRAPE = Duration.ofSeconds(Ring.STEP_SECONDS);
  private static final Duration RECONNECT = Duration.ofSeconds(2);
  private static final Duration WRITE = Duration.ofMinutes(1);
  private static final Duration SLOWER_THINGS = Duration.ofSeconds(10);
  private static final int SHARED_MAX = 500;
  private static final int EVENTS_MAX = 1000;
  private static final JsonMapper JSON = new JsonMapper();

  private final AdminClient client;
  private final Clock clock;
  private final Path ringFile;
  private final Ring ring;
  private final Runnable changed;
  private final List<Thread> threads = new ArrayList<>();
  private final Semaphore pollNow = new Semaphore(0);
  private final List<Event> events = new ArrayList<>();
  private final Map<String, Shared> shared = new ConcurrentHashMap<>();

  /** Those that are being read: one answer may not overtake another. */
  private final Set<String> reading = ConcurrentHashMap.newKeySet();

  private volatile Snapshot snapshot = Snapshot.NOTHING_YET;
  private final Set<InputStream> streams = ConcurrentHashMap.newKeySet();
  private volatile boolean closed;

  /** Whether the last hour's events were read since this stream began; of its reader alone. */
  private boolean caughtUp;

  /** Of the last event that was heard, for what is missed between two streams; likewise. */
  private @Nullable String lastHeard;

  LiveGateway(AdminClient client, Path folder, Clock clock, Runnable changed) {
    this.client = client;
    this.clock = clock;
    this.changed = changed;
    String name = client.address().name().replaceAll("[^A-Za-z0-9._-]", "_");
    this.ringFile = folder.resolve("ring-" + name + ".bin");
    this.ring = readRing(ringFile);
  }

  private static Ring readRing(Path file) {
    if (!Files.exists(file)) {
      return new Ring();
    }
    try {
      return Ring.read(file);
    } catch (IOException e) {
      LOG.warn("ring_unreadable file={} message=\"{}\"", file, e.getMessage());
      return new Ring();
    }
  }

  void start() {
    threads.add(Thread.ofVirtual().name("poll").start(this::poll));
    threads.add(Thread.ofVirtual().name("scrape").start(this::scrape));
    threads.add(Thread.ofVirtual().name("listen").start(this::listen));
  }

  public String name() {
    return client.address().name();
  }

  /** For calls that a view makes because somebody asked for them. */
  public AdminClient client() {
    return client;
  }

  public Snapshot snapshot() {
    return snapshot;
  }

  public Ring ring() {
    return ring;
  }

  /** What happened, newest first, without single requests. */
  public List<Event> events() {
    synchronized (events) {
      return List.copyOf(events);
    }
  }

  /**
   * Opens a stream of events of a path with its query. It ends when this is closed, and once the
   * gateway is back where it was lost meanwhile.
   */
  public InputStream stream(String path) throws ApiFailure {
    return stream(path, null);
  }

  private InputStream stream(String path, @Nullable String last) throws ApiFailure {
    InputStream in =
        new FilterInputStream(client.stream(path, last)) {
          @Override
          public void close() throws IOException {
            streams.remove(this);
            super.close();
          }
        };
    streams.add(in);
    if (closed) {
      EventStream.end(in);
    }
    return in;
  }

  /** Since when it has not answered; zero while it does. */
  public Duration silence() {
    Snapshot is = snapshot;
    Instant seen = is.lastSeen();
    return is.reached() || seen == null ? Duration.ZERO : Duration.between(seen, clock.instant());
  }

  /**
   * What a path answers, for views that show more of one thing: read at most every two seconds,
   * however many sessions ask. Answers at once with what was read last, and reads again beside.
   */
  public Shared shared(String path) {
    return shared(path, POLL);
  }

  /** The same, read at most that often. */
  public Shared shared(String path, Duration every) {
    return shared(path, every, () -> client.get(path));
  }

  /** The same of a list that comes in pages: the answer has all of it in its field. */
  public Shared sharedList(String path, String field) {
    return shared(path + "#" + field, POLL, () -> whole(path, field));
  }

  private JsonNode whole(String path, String field) throws ApiFailure {
    ObjectNode answer = JSON.createObjectNode();
    answer.putArray(field).addAll(client.list(path, field));
    return answer;
  }

  private interface Reader {
    JsonNode read() throws ApiFailure;
  }

  private Shared shared(String key, Duration every, Reader reader) {
    Instant now = clock.instant();
    boolean[] asks = new boolean[1];
    // In one step: an answer that comes meanwhile must not give way to what was there before it,
    // and one of those who come at one moment asks.
    Shared known =
        shared.compute(
            key,
            (_, before) -> {
              Shared last = before == null ? Shared.NOTHING_YET : before;
              boolean old = Duration.between(last.asked(), now).compareTo(every) >= 0;
              asks[0] = !closed && old && reading.add(key);
              return asks[0] ? last.asking(now) : last;
            });
    if (asks[0]) {
      trimShared(now);
      Thread.ofVirtual().name("read").start(() -> readShared(key, now, reader));
    }
    return known;
  }

  private void readShared(String key, Instant asked, Reader reader) {
    try {
      shared.put(key, new Shared(asked, reader.read(), null));
    } catch (ApiFailure e) {
      Shared nothing = new Shared(asked, null, e);
      shared.compute(key, (_, last) -> last == null ? nothing : nothing.after(last));
    } finally {
      reading.remove(key);
    }
    changed.run();
  }

  private void trimShared(Instant now) {
    if (shared.size() > SHARED_MAX) {
      shared.values().removeIf(s -> s.asked().isBefore(now.minus(SLOWER_THINGS)));
    }
  }

  /** Polls at once, since somebody changed something. */
  public void refresh() {
    pollNow.release();
  }

  private void poll() {
    Instant slower = Instant.MIN;
    Set<InputStream> doubtful = Set.of();
    while (!closed) {
      try {
        boolean all = clock.instant().isAfter(slower);
        boolean back = !snapshot.reached();
        snapshot = read(all);
        slower = all ? clock.instant().plus(SLOWER_THINGS) : slower;
        if (back) {
          // A machine that lost its power ends no connection: the streams of then may stay silent.
          doubtful.forEach(EventStream::end);
        }
      } catch (ApiFailure e) {
        doubtful = snapshot.reached() ? Set.copyOf(streams) : doubtful;
        snapshot = snapshot.lost(e.sentence());
      }
      changed.run();
      if (!pause(POLL)) {
        return;
      }
    }
  }

  private Snapshot read(boolean all) throws ApiFailure {
    Snapshot old = snapshot;
    boolean whole = all || !old.reached();
    JsonNode info = client.get("/admin/v1/gateway");
    List<JsonNode> replicas = client.list("/admin/v1/replicas", "replicas");
    List<JsonNode> models = whole ? client.list("/admin/v1/models", "models") : old.models();
    List<JsonNode> classes =
        whole ? client.list("/admin/v1/slo-classes", "slo_classes") : old.classes();
    return new Snapshot(true, clock.instant(), null, info, replicas, models, classes);
  }

  private boolean pause(Duration longest) {
    try {
      boolean _ = pollNow.tryAcquire(longest.toMillis(), TimeUnit.MILLISECONDS);
      pollNow.drainPermits();
      return true;
    } catch (InterruptedException _) {
      return false;
    }
  }

  private void scrape() {
    Points points = new Points();
    Instant before = clock.instant();
    Instant written = before;
    while (!closed) {
      try {
        byte[] body = client.text("/metrics", "text/plain");
        Instant now = clock.instant();
        double seconds = Duration.between(before, now).toMillis() / 1000.0;
        ring.add(now.getEpochSecond(), points.of(MetricsText.parse(body, Points.WANTED), seconds));
        before = now;
      } catch (ApiFailure e) {
        LOG.debug("scrape_failed gateway={} message=\"{}\"", name(), e.sentence());
      }
      if (Duration.between(written, clock.instant()).compareTo(WRITE) >= 0) {
        writeRing();
        written = clock.instant();
      }
      if (!EventStream.pause(SCRAPE)) {
        return;
      }
    }
  }

  private void writeRing() {
    try {
      ring.write(ringFile);
    } catch (IOException e) {
      LOG.warn("ring_not_written file={} message=\"{}\"", ringFile, e.getMessage());
    }
  }

  private void listen() {
    while (!closed) {
      caughtUp = false;
      try (InputStream in = stream("/admin/v1/events", lastHeard)) {
        // What happens while the last hour is read waits in the stream, and is not missed so.
        catchUp();
        EventStream.read(in, this::take);
      } catch (ApiFailure e) {
        LOG.debug("events_refused gateway={} message=\"{}\"", name(), e.sentence());
        catchUp();
      } catch (IOException e) {
        LOG.debug("events_lost gateway={} message=\"{}\"", name(), e.getMessage());
      }
      if (!EventStream.pause(RECONNECT)) {
        return;
      }
    }
  }

  /**
   * What the gateway still knows of the last hour stands behind what was heard since. Its store may
   * not answer; then it is asked again whenever the stream says that it lives.
   */
  private void catchUp() {
    Instant since = clock.instant().minus(Duration.ofHours(1));
    String path =
        "/admin/v1/events?limit=" + EVENTS_MAX + "&since=" + AdminClient.encode("" + since);
    List<Event> known = new ArrayList<>();
    try {
      Set<String> others = others();
      for (JsonNode e : client.get(path).path("events")) {
        if (!others.contains(e.path("gateway").asString(""))) {
          known.add(new Event(name(), e.path("type").asString(""), time(e), e.path("data")));
        }
      }
    } catch (ApiFailure e) {
      LOG.debug("history_not_read gateway={} message=\"{}\"", name(), e.sentence());
      return;
    }
    caughtUp = true;
    synchronized (events) {
      List<Event> heard = List.copyOf(events);
      events.clear();
      events.addAll(known);
      // The store is behind: of one moment, too, it may have one event and not yet the other.
      heard.reversed().forEach(this::insert);
      trimEvents();
    }
  }

  /**
   * The ids of the gateways that keep their events in the same store. An id is of one process:
   * those of the same place are of this gateway before it was started again.
   */
  private Set<String> others() throws ApiFailure {
    List<JsonNode> all = new ArrayList<>();
    try {
      client.get("/admin/v1/gateways").path("gateways").forEach(all::add);
    } catch (ApiFailure e) {
      if (e.kind() != ApiFailure.Kind.REFUSED) {
        throw e;
      }
    }
    Set<List<JsonNode>> own = new HashSet<>();
    all.stream().filter(g -> g.path("this").asBoolean(false)).forEach(g -> own.add(place(g)));
    Set<String> others = new HashSet<>();
    all.stream()
        .filter(g -> !own.contains(place(g)))
        .forEach(g -> others.add(g.path("id").asString("")));
    return others;
  }

  private static List<JsonNode> place(JsonNode gateway) {
    return List.of(gateway.path("host"), gateway.path("addresses").path("admin"));
  }

  private void trimEvents() {
    while (events.size() > EVENTS_MAX) {
      events.removeLast();
    }
  }

  void take(EventStream.Message message) {
    lastHeard = message.id() == null ? lastHeard : message.id();
    switch (message.type()) {
      case "" -> {
        if (!caughtUp) {
          catchUp();
        }
      }
      // The gateway has forgotten some that were not sent yet; its store has them.
      case "gap" -> {
        caughtUp = false;
        catchUp();
        pollNow.release();
      }
      case "replica_loading", "request" -> {}
      default -> {
        remember(message);
        pollNow.release();
      }
    }
  }

  private void remember(EventStream.Message message) {
    try {
      JsonNode data = JSON.readTree(message.data());
      Event event = new Event(name(), message.type(), time(data), data);
      synchronized (events) {
        insert(event);
        trimEvents();
      }
    } catch (JacksonException _) {
      LOG.debug("event_unreadable gateway={} type={}", name(), message.type());
    }
  }

  /** Where it belongs by its time: a stream may tell again what was read of the last hour. */
  private void insert(Event event) {
    int place = 0;
    while (place < events.size() && events.get(place).at().isAfter(event.at())) {
      place++;
    }
    if (!events.contains(event)) {
      events.add(place, event);
    }
  }

  private Instant time(JsonNode node) {
    try {
      return Instant.parse(node.path("at").asString(""));
    } catch (java.time.DateTimeException _) {
      return clock.instant();
    }
  }

  @Override
  public void close() {
    closed = true;
    threads.forEach(Thread::interrupt);
    streams.forEach(EventStream::end);
    client.close();
    if (ring.newestSeconds() >= 0) {
      writeRing();
    }
  }
}

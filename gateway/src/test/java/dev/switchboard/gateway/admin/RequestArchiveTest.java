package dev.switchboard.gateway.admin;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import dev.switchboard.gateway.flight.Flight;
import dev.switchboard.gateway.flight.FlightQuery;
import dev.switchboard.gateway.flight.FlightRecord;
import dev.switchboard.gateway.flight.FlightRecorder;
import dev.switchboard.gateway.flight.Outcome;
import dev.switchboard.gateway.flight.StoredFlight;
import dev.switchboard.gateway.identity.UsageMeter;
import dev.switchboard.gateway.slo.SloMeter;
import dev.switchboard.gateway.store.StateFolder;
import dev.switchboard.gateway.store.Store;
import dev.switchboard.gateway.store.StoreConfig;
import io.vertx.core.Context;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Requests that only the store has any more. */
class RequestArchiveTest {
  private static final int REQUESTS = 20;
  private static final int CHARS = 300_000;
  private static final FlightRecorder.Limits LIMITS =
      new FlightRecorder.Limits(2, 1 << 20, 1 << 20, 1000);
  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  private final Vertx vertx = Vertx.vertx();
  private Store store;
  private RequestArchive archive;

  @BeforeEach
  void keep() throws Exception {
    store =
        Store.start(
            new StoreConfig(
                "jdbc:h2:mem:archive",
                "switchboard",
                "",
                1000,
                400,
                35,
                new StoreConfig.Requests(1, 1000, 1L << 30)),
            StateFolder.NONE,
            new UsageMeter(),
            new SloMeter(),
            System::currentTimeMillis);
    Object _ = store.ready().get(30, TimeUnit.SECONDS);
    archive = new RequestArchive(vertx, new FlightRecorder(LIMITS), store);
    List<StoredFlight> kept = new ArrayList<>();
    FlightRecorder recorder = new FlightRecorder(LIMITS);
    recorder.keepIn(kept::add);
    for (int i = 0; i < REQUESTS; i++) {
      recorder.add(large("r" + i));
    }
    kept.forEach(store::keep);
    assertEquals(REQUESTS, kept.size());
  }

  @AfterEach
  void close() throws Exception {
    store.close();
    Object _ = vertx.close().toCompletionStage().toCompletableFuture().get(30, TimeUnit.SECONDS);
  }

  private static FlightRecord large(String id) {
    Flight flight = new Flight(id, () -> System.currentTimeMillis() * 1_000_000);
    flight.attempt(new FlightRecord.Attempt(1, "w0", 1, 1, "x".repeat(CHARS), false, null));
    return flight.finish(Outcome.INTERNAL, 500, null);
  }

  /** Where a page of them is made, whoever streams through the same loop waits. */
  @Test
  void aPageIsUnpackedBesideTheEventLoop() throws Exception {
    long bytes =
        loopAllocates(
            () ->
                archive
                    .find(all())
                    .onSuccess(found -> assertEquals(REQUESTS, found.requests().size())));

    assertTrue(bytes < (long) REQUESTS * CHARS / 2, bytes + " bytes");
  }

  @Test
  void oneIsUnpackedBesideTheEventLoop() throws Exception {
    long bytes =
        loopAllocates(() -> archive.find("r7").onSuccess(found -> assertTrue(found.isPresent())));

    assertTrue(bytes < CHARS / 2, bytes + " bytes");
  }

  /** As of a version that was gone back from, or a disk that lost it. */
  @Test
  void oneThatCannotBeReadHidesNoOther() throws Exception {
    store.keep(
        new StoredFlight(
            "broken",
            "m",
            "",
            "",
            "internal",
            500,
            List.of(),
            System.currentTimeMillis() * 1_000_000,
            System.currentTimeMillis() * 1_000_000,
            1,
            true,
            null,
            List.of(),
            new byte[] {1}));

    RequestArchive.Found found =
        archive.find(all()).toCompletionStage().toCompletableFuture().get(30, TimeUnit.SECONDS);

    assertTrue(found.whole());
    assertEquals(REQUESTS, found.requests().size());
  }

  private static FlightQuery all() {
    return new FlightQuery(
        null,
        null,
        null,
        null,
        0,
        null,
        0,
        false,
        null,
        null,
        0,
        Long.MAX_VALUE,
        Long.MAX_VALUE,
        REQUESTS);
  }

  /** What the thread that asks takes of the heap meanwhile; once before, classes are loaded. */
  private long loopAllocates(Supplier<Future<?>> asked) throws Exception {
    Context loop = vertx.getOrCreateContext();
    AtomicLong bytes = new AtomicLong();
    for (int i = 0; i < 2; i++) {
      Promise<Object> done = Promise.promise();
      loop.runOnContext(
          on -> {
            long before = THREADS.getCurrentThreadAllocatedBytes();
            asked
                .get()
                .onSuccess(found -> bytes.set(THREADS.getCurrentThreadAllocatedBytes() - before))
                .onComplete(told -> done.handle(told.mapEmpty()));
          });
      Object _ = done.future().toCompletionStage().toCompletableFuture().get(30, TimeUnit.SECONDS);
    }
    return bytes.get();
  }
}

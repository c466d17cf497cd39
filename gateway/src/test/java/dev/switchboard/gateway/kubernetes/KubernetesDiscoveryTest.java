package dev.switchboard.gateway.kubernetes;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.gateway.bench.KubernetesObjects;
import dev.switchboard.gateway.discovery.EndpointReconciler;
import dev.switchboard.gateway.discovery.KubernetesConfig;
import dev.switchboard.gateway.discovery.ModelSource;
import dev.switchboard.gateway.fleet.DiscoveredServer;
import dev.switchboard.gateway.fleet.UpstreamAccess;
import dev.switchboard.testing.HandAsk;
import dev.switchboard.testing.HandTimers;
import dev.switchboard.testing.HandVertx;
import java.net.URI;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** When what was found is put in force. */
class KubernetesDiscoveryTest {
  private static final int GATHER_MS = 20;
  private static final int APART_MS = 100;
  private static final int AGAIN_MS = 1000;
  private static final int IDLE_MS = 5000;
  private static final int PORT = 8000;
  private static final URI SERVER = URI.create("http://kubernetes");

  private final HandTimers time = new HandTimers();
  private final HandVertx vertx = new HandVertx(time);
  private final List<List<String>> taken = new ArrayList<>();
  private final KubernetesDiscovery discovery =
      new KubernetesDiscovery(
          vertx.vertx(), time, wanted(), this::take, List::of, time::nanos, () -> 1);
  private @Nullable HandAsk slices;
  private int revision = 10;
  private boolean refuses;

  private static KubernetesDiscovery.Wanted wanted() {
    ModelSource model =
        new ModelSource(
            "m", null, "pool", null, null, PORT, null, null, null, null, null, null, null, null,
            null, null, null, null, null, null);
    KubernetesConfig usual = KubernetesConfig.DEFAULTS;
    KubernetesConfig config =
        new KubernetesConfig(
            "default",
            SERVER.toString(),
            Path.of("none"),
            Path.of("none"),
            usual.podSelector(),
            usual.drainGraceMs(),
            usual.unreadyMs(),
            IDLE_MS,
            usual.resyncSeconds(),
            0,
            List.of(model));
    UpstreamAccess access =
        UpstreamAccess.of(model.spec(URI.create("http://pod")), "m", "models.0", Instant.EPOCH);
    return new KubernetesDiscovery.Wanted(
        config,
        new Cluster(SERVER, "default"),
        List.of(new EndpointReconciler.Source(model, "default", access)));
  }

  private void take(List<DiscoveredServer> found) {
    taken.add(found.stream().map(each -> each.pod().name()).sorted().toList());
    if (refuses) {
      throw new IllegalStateException("not now");
    }
  }

  /** What was put in force since this was asked last. */
  private List<List<String>> taken() {
    List<List<String>> told = List.copyOf(taken);
    taken.clear();
    return told;
  }

  private static ObjectNode slice(String pod) {
    ObjectNode slice = KubernetesObjects.slice("slice-" + pod, "pool", PORT);
    return KubernetesObjects.endpoint(slice, pod, "10.0.0." + pod.charAt(0) % 10, "ready");
  }

  private HandAsk asked(String what) {
    HandAsk found = null;
    for (HandAsk each : vertx.asked()) {
      if (each.what().contains("/endpointslices")) {
        found = each;
      } else if (!each.what().contains("watch=1")) {
        each.answers(200).says("{\"metadata\":{\"resourceVersion\":\"10\"},\"items\":[]}").ends();
      }
    }
    return Objects.requireNonNull(found, what);
  }

  /** It begins, and finds one pod. */
  private void starts() {
    discovery.start();
    time.advance(0);
    asked("list")
        .answers(200)
        .says("{\"metadata\":{\"resourceVersion\":\"10\"},\"items\":[" + stamped(slice("a")) + "]}")
        .ends();
    slices = asked("watch").answers(200);
  }

  private ObjectNode stamped(ObjectNode slice) {
    slice.withObject("/metadata").put("resourceVersion", "" + revision++);
    return slice;
  }

  private void appears(String pod) {
    Objects.requireNonNull(slices)
        .says("{\"type\":\"ADDED\",\"object\":" + stamped(slice(pod)) + "}\n");
  }

  @Test
  void whatIsFoundWithinAMomentIsPutInForceTogether() {
    starts();
    time.advance(GATHER_MS - 1);
    appears("b");
    assertEquals(List.of(), taken());

    time.advance(1);

    assertEquals(List.of(List.of("a", "b")), taken());
    time.advance(10 * APART_MS);
    assertEquals(List.of(), taken());
  }

  @Test
  void twoChangesArePutInForceSoFarApart() {
    starts();
    time.advance(GATHER_MS);
    assertEquals(List.of(List.of("a")), taken());
    time.advance(10);
    appears("b");
    time.advance(40);
    appears("c");

    time.advance(APART_MS - 51);
    assertEquals(List.of(), taken());
    time.advance(1);

    assertEquals(List.of(List.of("a", "b", "c")), taken());
  }

  @Test
  void aChangeAfterALongTimeIsPutInForceWithinAMoment() {
    starts();
    time.advance(10 * APART_MS);
    assertEquals(1, taken().size());
    appears("b");

    time.advance(GATHER_MS);

    assertEquals(List.of(List.of("a", "b")), taken());
  }

  @Test
  void whatIsNotTakenIsOfferedAgain() {
    starts();
    refuses = true;
    time.advance(GATHER_MS);
    assertEquals(1, taken().size());
    time.advance(AGAIN_MS);
    assertEquals(0, taken().size());
    time.advance(GATHER_MS);
    assertEquals(1, taken().size());

    refuses = false;
    time.advance(AGAIN_MS + GATHER_MS);
    assertEquals(List.of(List.of("a")), taken());

    time.advance(10 * AGAIN_MS);
    assertEquals(List.of(), taken());
  }

  @Test
  void aWatchThatSaysNothingIsBegunAnewByItself() {
    starts();
    HandAsk silent = Objects.requireNonNull(slices);
    time.advance(IDLE_MS - 1);
    assertEquals(List.of(), vertx.asked());

    time.advance(1);

    assertEquals(true, silent.reset());
    assertEquals(IDLE_MS * 1_000_000L, asked("watch").nanos() - 1_000_000_000);
  }

  @Test
  void onceItIsClosedNothingIsFoundAndNobodyIsAsked() {
    starts();
    discovery.close();
    time.advance(0);
    appears("b");

    time.advance(10 * IDLE_MS);

    assertEquals(List.of(), taken());
    assertEquals(List.of(), vertx.asked());
  }
}

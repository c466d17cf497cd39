package dev.switchboard.gateway.discovery;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.fleet.DiscoveredServer;
import dev.switchboard.gateway.fleet.UpstreamAccess;
import java.net.URI;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Decisions about endpoints, in a time that the test makes. */
class EndpointReconcilerTest {
  private static final long SECOND = 1_000_000_000L;

  private final EndpointReconciler endpointReconciler =
      new EndpointReconciler(new EndpointReconciler.Patience(5000, 2000));
  private final EndpointReconciler.Source source = source("m", "http", null);
  private final Map<String, PodAnnotations> marks = new HashMap<>();
  private long now = 100 * SECOND;

  private static EndpointReconciler.Source source(
      String model, String scheme, @Nullable String serverName) {
    ModelSource spec =
        new ModelSource(
            model,
            null,
            "workers",
            null,
            null,
            8000,
            null,
            scheme,
            serverName,
            null,
            null,
            null,
            null,
            null,
            null,
            null,
            null,
            null,
            null,
            null);
    UpstreamAccess access =
        UpstreamAccess.of(
            spec.spec(URI.create(scheme + "://pod")), model, "models.0", Instant.EPOCH);
    return new EndpointReconciler.Source(spec, "default", access);
  }

  private static Endpoint endpoint(String pod, String state) {
    return endpoint(pod, "10.0.0.1", state);
  }

  private static Endpoint endpoint(String pod, String host, String state) {
    return new Endpoint(
        host,
        8000,
        new DiscoveredServer.Pod("default", pod, pod + "-uid", "n", "z"),
        state.equals("ready"),
        state.equals("ready") || state.equals("draining"),
        state.equals("draining") || state.equals("ended"));
  }

  private List<DiscoveredServer> take(Endpoint... endpoints) {
    return endpointReconciler.take(Map.of(source, List.of(endpoints)), marks::get, now);
  }

  private String held(Endpoint endpoint) {
    DiscoveredServer.Stay stay = (DiscoveredServer.Stay) take(endpoint).getFirst().orders();
    return stay.held() == null ? "" : stay.held();
  }

  private void pass(double seconds) {
    now += (long) (seconds * SECOND);
  }

  @Test
  void anEndpointServesFromWhenItIsReady() {
    assertEquals(List.of(), take(endpoint("a", "unready")));

    DiscoveredServer found = take(endpoint("a", "ready")).getFirst();

    assertEquals(URI.create("http://10.0.0.1:8000"), found.spec().url());
    assertEquals(DiscoveredServer.SERVE, found.orders());
    assertTrue(found.access().worker());
    assertNull(found.access().serverName());
  }

  @Test
  void whatIsTheSameIsTheSameObject() {
    assertSame(take(endpoint("a", "ready")).getFirst(), take(endpoint("a", "ready")).getFirst());
  }

  @Test
  void anEndpointThatIsUnreadyForAMomentStays() {
    take(endpoint("a", "ready"));

    assertEquals("", held(endpoint("a", "unready")));
    assertEquals(now + 2 * SECOND, endpointReconciler.dueNanos());
    pass(1.9);
    assertEquals("", held(endpoint("a", "unready")));
    assertEquals("", held(endpoint("a", "ready")));
    assertEquals(Long.MAX_VALUE, endpointReconciler.dueNanos());
  }

  @Test
  void anEndpointThatIsUnreadyForLongGetsNoNewRequestsUntilItIsReady() {
    take(endpoint("a", "ready"));
    take(endpoint("a", "unready"));
    pass(2);

    assertEquals("Kubernetes says that it is not ready", held(endpoint("a", "unready")));
    assertEquals("", held(endpoint("a", "ready")));
  }

  @Test
  void oneThatKeepsTurningWaitsLongerEachTime() {
    take(endpoint("a", "ready"));
    double[] expected = {0, 1, 2, 4, 8, 16, 30, 30};

    for (double seconds : expected) {
      take(endpoint("a", "unready"));
      pass(2);
      take(endpoint("a", "unready"));
      boolean first = held(endpoint("a", "ready")).isEmpty();
      assertEquals(seconds == 0, first, () -> seconds + " s");
      if (seconds > 0) {
        assertEquals(now + (long) (seconds * SECOND), endpointReconciler.dueNanos());
        pass(seconds);
        assertEquals("", held(endpoint("a", "ready")));
      }
    }
  }

  @Test
  void aMinuteOfCalmForgivesTurns() {
    take(endpoint("a", "ready"));
    for (int i = 0; i < 3; i++) {
      take(endpoint("a", "unready"));
      pass(2);
      take(endpoint("a", "unready"));
      take(endpoint("a", "ready"));
      pass(30);
      take(endpoint("a", "ready"));
    }
    pass(60);
    take(endpoint("a", "ready"));
    take(endpoint("a", "unready"));
    pass(2);
    take(endpoint("a", "unready"));

    assertEquals("", held(endpoint("a", "ready")));
  }

  @Test
  void oneThatEndsLeavesWithAGraceWhileItAnswers() {
    take(endpoint("a", "ready"));

    assertEquals(
        new DiscoveredServer.Leave("pod a ends", 5000),
        take(endpoint("a", "draining")).getFirst().orders());
    assertEquals(
        new DiscoveredServer.Leave("pod a ends", 0),
        take(endpoint("a", "ended")).getFirst().orders());
  }

  @Test
  void oneThatEndsBeforeItWasReadyIsNobody() {
    assertEquals(List.of(), take(endpoint("a", "draining")));
  }

  @Test
  void oneThatIsNotNamedAnyMoreIsForgotten() {
    take(endpoint("a", "ready"));
    assertEquals(List.of(), take());

    assertEquals(List.of(), take(endpoint("a", "unready")));
  }

  @Test
  void annotationsCordonAndDrain() {
    take(endpoint("a", "ready"));
    marks.put("default/a", PodAnnotations.of(Map.of(PodAnnotations.CORDON, "true")));
    assertEquals("annotation switchboard.dev/cordon", held(endpoint("a", "ready")));

    marks.put("default/a", PodAnnotations.of(Map.of(PodAnnotations.DRAIN, "True")));
    assertEquals(
        new DiscoveredServer.Stay(null, "annotation switchboard.dev/drain", 5000),
        take(endpoint("a", "ready")).getFirst().orders());

    marks.put(
        "default/a",
        PodAnnotations.of(Map.of(PodAnnotations.DRAIN, "false", PodAnnotations.CORDON, "")));
    assertEquals(DiscoveredServer.SERVE, take(endpoint("a", "ready")).getFirst().orders());
  }

  @Test
  void anotherPodAtTheSameAddressIsAnotherReplica() {
    DiscoveredServer first = take(endpoint("a", "ready")).getFirst();
    DiscoveredServer second = take(endpoint("b", "ready")).getFirst();

    assertEquals(first.spec().url(), second.spec().url());
    assertEquals("a-uid", first.pod().uid());
    assertEquals("b-uid", second.pod().uid());
  }

  @Test
  void aPodThatSeveralSourcesNameForAModelIsOneReplica() {
    EndpointReconciler.Source other = source("m", "http", null);
    Map<EndpointReconciler.Source, List<Endpoint>> known = new HashMap<>();
    known.put(source, List.of(endpoint("a", "ready"), endpoint("a", "ready")));
    known.put(
        new EndpointReconciler.Source(other.model(), "elsewhere", other.access()),
        List.of(endpoint("a", "ready")));

    assertEquals(1, endpointReconciler.take(known, marks::get, now).size());
  }

  @Test
  void addressesOfIpv6StandInBrackets() {
    DiscoveredServer found = take(endpoint("a", "fd00::7", "ready")).getFirst();

    assertEquals(URI.create("http://[fd00::7]:8000"), found.spec().url());
  }

  @Test
  void overTlsACertificateIsForTheServiceOrForWhatIsConfigured() {
    for (String name : new String[] {null, "workers.example"}) {
      EndpointReconciler.Source secure = source("m", "https", name);

      DiscoveredServer found =
          new EndpointReconciler(new EndpointReconciler.Patience(0, 0))
              .take(Map.of(secure, List.of(endpoint("a", "ready"))), marks::get, now)
              .getFirst();

      assertEquals(
          Objects.requireNonNullElse(name, "workers.default.svc"), found.access().serverName());
      assertEquals(URI.create("https://10.0.0.1:8000"), found.spec().url());
    }
  }
}

package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.testing.Await;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/**
 * One model on two workers, one of which has a device, though an emulated one. A stream's bytes do
 * not tell which of them computed which part of it.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class DeviceFleetIT {
  private static final String CHAT = "/v1/chat/completions";
  private static final String TEXT = "/v1/completions";

  /** So that no stream ends before it is made to move. */
  private static final int STEP_MS = 300;

  /** Requests after which a replica's costs are its own. */
  private static final int LESSONS = 4;

  private static final List<String[]> REQUESTS =
      List.of(
          new String[] {
            CHAT,
            "'messages':[{'role':'user','content':'Hello'}],'temperature':1.1,'seed':1,"
                + "'max_tokens':16,'ignore_eos':true,'logprobs':true,'top_logprobs':2"
          },
          new String[] {
            CHAT,
            "'messages':[{'role':'user','content':'Hello'}],'temperature':0.9,'seed':3,"
                + "'top_p':0.95,'frequency_penalty':0.3,'max_tokens':16,'ignore_eos':true"
          },
          new String[] {
            TEXT,
            "'prompt':'Once','temperature':1,'seed':2,'max_tokens':16,'logprobs':1,"
                + "'presence_penalty':0.8,'repetition_penalty':1.1,'ignore_eos':true"
          });

  @TempDir private static @Nullable Path folder;

  private LoneWorker worker;
  private GatewayProcess gateway;
  private String device = "";

  /** The one that new requests are kept from. */
  private String kept = "";

  private String cpu = "";

  @BeforeAll
  void start() throws Exception {
    Path model = GatewayProcess.home().resolve("native-engine/demo-model/switchboard-demo.gguf");
    worker = new LoneWorker(model, "--threads", "1", "--kv-memory", "8192tokens");
    Path config = Path.of(String.valueOf(folder)).resolve("switchboard.yaml");
    Files.writeString(
        config,
        """
        models: [{file: "%s", workers: 1}]
        workers:
          threads: 1
          arguments: [--device, cuda, --kv-memory, 8192tokens, --allow-fault-injection]
          restart-first-ms: 0
          crash-loop-exits: 50
        upstreams: [{url: "%s", worker: true, models: [switchboard-demo]}]
        """
            .formatted(model, worker.url()));
    Path library = Path.of(System.getProperty("switchboard.library"));
    gateway =
        GatewayProcess.startWith(
            Map.of(
                "SWITCHBOARD_CUDA_LIBRARY",
                library.resolveSibling("libswitchboard_emulated.so").toString(),
                "SWITCHBOARD_EMULATED_FAULT",
                fault().toString()),
            "--config",
            config.toString());
    gateway.awaitReady();
    awaitBoth();
    for (JsonNode replica : gateway.admin("/admin/v1/replicas").path("replicas")) {
      boolean local = replica.path("local").asBoolean();
      device = local ? replica.path("id").asText() : device;
      cpu = local ? cpu : replica.path("id").asText();
    }
  }

  /** Where this file is, the emulated device fails. */
  private static Path fault() {
    return Path.of(String.valueOf(folder)).resolve("fault");
  }

  @AfterAll
  void stop() {
    if (gateway != null) {
      gateway.close();
    }
    if (worker != null) {
      worker.close();
    }
  }

  @BeforeEach
  void bothWorkersStand() throws Exception {
    awaitBoth();
    slow(cpu, 0);
    slow(device, 0);
  }

  @Test
  void aStreamThatIsDrainedFromEitherToTheOtherIsWhatAnUndisturbedOneIs() throws Exception {
    List<Map<String, String>> expected = told(openOn(cpu));

    assertEquals(expected, told(openOn(device)));
    assertEquals(expected, drained(device, cpu));
    assertEquals(expected, drained(cpu, device));
  }

  private List<Map<String, String>> drained(String from, String to) throws Exception {
    List<StreamClient> streams = openSlowlyOn(from);
    gateway.adminPost("/admin/v1/replicas/" + from + "/drain", "{\"grace_ms\":0}");
    List<Map<String, String>> told = told(streams);
    requireMoved(streams, from, to);
    gateway.resume(from);
    awaitBoth();
    slow(from, 0);
    return told;
  }

  @Test
  void aStreamGoesOnAtTheOtherWhereItsWorkerIsKilled() throws Exception {
    List<Map<String, String>> expected = told(openOn(cpu));

    List<StreamClient> onDevice = openSlowlyOn(device);
    gateway.kill(device);
    assertEquals(expected, told(onDevice));
    requireMoved(onDevice, device, cpu);
    awaitBoth();

    List<StreamClient> onCpu = openSlowlyOn(cpu);
    worker.kill();
    assertEquals(expected, told(onCpu));
    requireMoved(onCpu, cpu, device);
    worker.startAgain();
  }

  @Test
  void aDeviceThatFailsEndsItsWorkerAndItsStreamsGoOnOnTheCpu() throws Exception {
    List<Map<String, String>> expected = told(openOn(cpu));
    List<StreamClient> streams = openSlowlyOn(device);

    Files.createFile(fault());

    assertEquals(expected, told(streams));
    requireMoved(streams, device, cpu);
    String path = "/admin/v1/replicas/" + device;
    JsonNode exit =
        Await.until(
            "its exit",
            () -> gateway.admin(path).path("last_exit"),
            last -> last.path("status").asInt() == 7);
    assertEquals("device_lost", exit.path("cause").asText(), exit::toString);
    assertTrue(exit.path("message").asText().contains("the device of stage 0 rank 0 failed"));
    awaitBoth();
    assertEquals(expected, told(openOn(device)));
  }

  @Test
  @Tag("timing")
  void eachReplicaHasCostsOfItsOwnAndTheCheaperOneIsTaken() throws Exception {
    for (String replica : List.of(device, cpu)) {
      only(replica);
      for (int i = 0; i < LESSONS; i++) {
        brief().rest();
      }
      both();
    }

    JsonNode onDevice = gateway.admin("/admin/v1/replicas/" + device).path("learned");
    JsonNode onCpu = gateway.admin("/admin/v1/replicas/" + cpu).path("learned");
    StreamClient next = brief();
    next.rest();
    JsonNode route =
        gateway.admin("/admin/v1/requests/" + next.id() + "/timeline?full=true").path("route");

    assertTrue(onDevice.path("samples").asInt() >= LESSONS, onDevice::toString);
    assertTrue(onCpu.path("samples").asInt() >= LESSONS, onCpu::toString);
    assertTrue(
        GatewayProcess.promisedMs(route, device) > 1.5 * GatewayProcess.promisedMs(route, cpu),
        route::toString);
    assertEquals(cpu, next.replica());
  }

  private StreamClient brief() throws Exception {
    return open(CHAT, "'messages':[{'role':'user','content':'Hi'}],'max_tokens':4,'seed':1");
  }

  /** The same, of a replica that is slow for as long as they are there. */
  private List<StreamClient> openSlowlyOn(String replica) throws Exception {
    slow(replica, STEP_MS);
    return openOn(replica);
  }

  private void slow(String replica, long stepMs) throws Exception {
    if (replica.equals(cpu)) {
      worker.slow(gateway.client(), stepMs);
    } else {
      gateway.slow(replica, stepMs);
    }
  }

  /** Streams of which some was read, of a replica that both may leave for the other one. */
  private List<StreamClient> openOn(String replica) throws Exception {
    only(replica);
    List<StreamClient> streams = new ArrayList<>();
    for (String[] request : REQUESTS) {
      streams.add(open(request[0], request[1]));
    }
    for (StreamClient stream : streams) {
      stream.awaitEvents(3);
      assertEquals(replica, stream.replica());
    }
    both();
    return streams;
  }

  /** Whoever starts again takes as long as a JVM and a model take. */
  private void awaitBoth() {
    Await.until("both workers", this::ready, ready -> ready == 2);
  }

  private long ready() throws Exception {
    return gateway
        .admin("/admin/v1/replicas")
        .path("replicas")
        .valueStream()
        .filter(replica -> replica.path("state").asText().equals("READY"))
        .count();
  }

  private void only(String replica) throws Exception {
    kept = replica.equals(cpu) ? device : cpu;
    gateway.adminPost("/admin/v1/replicas/" + kept + "/cordon", "");
  }

  private void both() throws Exception {
    gateway.adminPost("/admin/v1/replicas/" + kept + "/uncordon", "");
    awaitBoth();
  }

  private StreamClient open(String path, String more) throws Exception {
    String body =
        ("{'model':'switchboard-demo','stream':true,'stream_options':{'include_usage':true},"
                + more
                + "}")
            .replace('\'', '"');
    return StreamClient.open(gateway, path, body);
  }

  private static List<Map<String, String>> told(List<StreamClient> streams) throws Exception {
    List<Map<String, String>> told = new ArrayList<>();
    for (StreamClient stream : streams) {
      Map<String, String> by = StreamFacts.by(stream.rest());
      assertEquals("1", by.get("done"), by::toString);
      assertEquals("length", by.get("choice 0 end"), by::toString);
      told.add(by);
    }
    return told;
  }

  private void requireMoved(List<StreamClient> streams, String from, String to) throws Exception {
    for (StreamClient stream : streams) {
      JsonNode told = gateway.admin("/admin/v1/requests/" + stream.id() + "/timeline?full=true");
      assertEquals(1, told.path("migrations").asInt(), told::toString);
      assertEquals(from, told.at("/attempts/0/replica").asText(), told::toString);
      assertEquals(to, told.at("/attempts/1/replica").asText(), told::toString);
    }
  }
}

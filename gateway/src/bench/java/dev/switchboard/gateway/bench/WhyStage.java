package dev.switchboard.gateway.bench;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.UUID;

/**
 * A gateway with two workers of two ranks each, the second of which is cordoned unless a stream is
 * to move there, and requests that something is done to.
 */
final class WhyStage implements AutoCloseable {
  static final String GREETING = "Hello";

  /** Requests that the replica takes at once. */
  static final int PLACES = 4;

  private static final String REPLICA = "w0";
  private static final String OTHER = "w1";
  private static final int TIMEOUT_MS = 60_000;

  private final ChaosGateway gateway;
  private final List<String> sent = new ArrayList<>();

  WhyStage(Path directory) throws IOException {
    Path home = Path.of(System.getProperty("switchboard.home", ".")).toAbsolutePath().normalize();
    Path model = home.resolve("native-engine/demo-model/switchboard-demo.gguf");
    String yaml =
        "http: {port: 0}\nadmin: {port: 0}\n"
            + ("models: [{file: " + model + ", name: " + ChaosGateway.MODEL + ", workers: 2}]\n")
            + ("admission: {replica-concurrency: " + PLACES + "}\n")
            + "workers: {ranks: 2, threads: 1, unresponsive-ms: 3000, arguments:"
            + " [--allow-fault-injection]}\n";
    gateway = ChaosGateway.start(directory, "why", yaml, "ready");
    gateway.awaitAllReady();
    JsonNode _ = gateway.adminPost("/admin/v1/replicas/" + OTHER + "/cordon", "");
    // So that the prompt that most send is in the cache.
    stream(16, GREETING).rest();
  }

  /** What is said of a request, once it is over. */
  JsonNode explained(String id) throws IOException {
    return gateway.admin("/admin/v1/requests/" + id + "/explain");
  }

  /**
   * Makes one late, and has it explained.
   *
   * @return the explanation
   */
  JsonNode explained(WhyCause cause, long seed) throws IOException {
    JsonNode told = explained(cause.run(this, new Random(seed)));
    gateway.awaitAllServing(OTHER);
    return told;
  }

  // ------------------------------------------------------------------ requests

  /** Sends one to be answered token by token. */
  Answer stream(int tokens, String prompt) throws IOException {
    Socket socket = new Socket();
    socket.setSoTimeout(TIMEOUT_MS);
    socket.connect(gateway.address());
    return send(socket, tokens, prompt);
  }

  private Answer send(Socket socket, int tokens, String prompt) throws IOException {
    String id = UUID.randomUUID().toString();
    sent.add(id);
    String body =
        "{\"model\":\"chaos\",\"stream\":true,\"ignore_eos\":true,\"max_tokens\":"
            + tokens
            + ",\"messages\":[{\"role\":\"user\",\"content\":\""
            + prompt
            + "\"}]}";
    String head =
        "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:"
            + gateway.address().getPort()
            + "\r\nX-Request-Id: "
            + id
            // None is refused because it would be late.
            + ("\r\nX-SLO-TTFT-Ms: " + TIMEOUT_MS)
            + "\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: "
            + body.length()
            + "\r\n\r\n";
    socket.getOutputStream().write((head + body).getBytes(StandardCharsets.US_ASCII));
    socket.getOutputStream().flush();
    return new Answer(id, socket);
  }

  /** An answer that is read when somebody asks for it. */
  static final class Answer {
    private final String id;
    private final Socket socket;
    private final BufferedReader reader;

    Answer(String id, Socket socket) throws IOException {
      this.id = id;
      this.socket = socket;
      InputStream body = socket.getInputStream();
      reader = new BufferedReader(new InputStreamReader(body, StandardCharsets.UTF_8));
    }

    /** Reads until some content is there. */
    Answer begun() throws IOException {
      String line = reader.readLine();
      while (line != null && !line.contains("\"content\":\"")) {
        line = reader.readLine();
      }
      return line == null ? failed("it ended before it began") : this;
    }

    /** Whether some of it came, be it that it ended. */
    boolean isThere() {
      try {
        return reader.ready();
      } catch (IOException e) {
        return true;
      }
    }

    private Answer failed(String why) throws IOException {
      socket.close();
      throw new IOException(id + ": " + why);
    }

    /** Reads the rest, and gives its id. */
    String rest() throws IOException {
      boolean done = false;
      String last = "";
      for (String line = reader.readLine(); line != null; line = reader.readLine()) {
        done |= line.contains("[DONE]");
        last = line.isEmpty() ? last : line;
      }
      socket.close();
      return done ? id : failed("it did not end well: " + last).id;
    }
  }

  /** The ids of all that were sent, in their order. */
  List<String> sent() {
    return List.copyOf(sent);
  }

  /** Waits until the gateway has a request in its queue, or has had it there. */
  void awaitQueued(Answer answer) throws IOException {
    if (ChaosGateway.await(() -> answer.isThere() || queued(answer.id), TIMEOUT_MS / 1000) < 0) {
      throw new IOException(answer.id + ": it did not come to the queue");
    }
  }

  private boolean queued(String id) {
    try {
      return gateway
          .admin("/admin/v1/requests?running=true")
          .path("requests")
          .valueStream()
          .filter(each -> each.path("id").asText().equals(id))
          .anyMatch(each -> each.path("phase").asText().equals("queued"));
    } catch (IOException e) {
      return false;
    }
  }

  /** So many words that nobody said before; each is about three tokens. */
  static String words(Random random, int count) {
    StringBuilder words = new StringBuilder();
    for (int i = 0; i < count; i++) {
      words.append((char) ('a' + random.nextInt(26))).append((char) ('a' + random.nextInt(26)));
      words.append(random.nextInt(10)).append(' ');
    }
    return words.toString();
  }

  // ------------------------------------------------------------------ what is done to them

  void fault(String json) throws IOException {
    gateway.fault(REPLICA, json);
  }

  void stop(int millis) throws IOException {
    stop(REPLICA, millis);
  }

  private void stop(String replica, int millis) throws IOException {
    long pid = gateway.pid(replica);
    ChaosGateway.signal("STOP", pid);
    try {
      Target.pause(millis);
    } finally {
      ChaosGateway.signal("CONT", pid);
    }
  }

  private long generated() throws IOException {
    return gateway.load(REPLICA).path("generated_tokens").asLong();
  }

  private boolean generates(long tokens) {
    try {
      return generated() < tokens;
    } catch (IOException e) {
      return true;
    }
  }

  /** Its client has read nothing for a while when the answer has ended. */
  String unread(int tokens, int millis) throws IOException {
    Socket socket = new Socket();
    socket.setReceiveBufferSize(4096);
    socket.setSoTimeout(TIMEOUT_MS);
    socket.connect(gateway.address());
    long before = generated();
    Answer answer = send(socket, tokens, GREETING);
    if (ChaosGateway.await(() -> !generates(before + tokens), TIMEOUT_MS / 1000) < 0) {
      throw new IOException("the answer was not generated");
    }
    Target.pause(millis);
    return answer.rest();
  }

  /** Both workers take it; the one that has it stops, and the other goes on. */
  String moved(int tokens) throws IOException {
    JsonNode _ = gateway.adminPost("/admin/v1/replicas/" + OTHER + "/uncordon", "");
    try {
      Answer answer = stream(tokens, GREETING).begun();
      String replica = gateway.inFlight(REPLICA) > 0 ? REPLICA : OTHER;
      long pid = gateway.pid(replica);
      ChaosGateway.signal("STOP", pid);
      try {
        return answer.rest();
      } finally {
        ChaosGateway.signal("CONT", pid);
      }
    } finally {
      gateway.awaitAllReady();
      JsonNode _ = gateway.adminPost("/admin/v1/replicas/" + OTHER + "/cordon", "");
    }
  }

  /** Processes that take every core they get, so many for each core. */
  Burners burn(int perCore) throws IOException {
    return new Burners(perCore * Runtime.getRuntime().availableProcessors());
  }

  /** They end with the block that began them. */
  static final class Burners implements AutoCloseable {
    private final List<Process> processes = new ArrayList<>();

    Burners(int count) throws IOException {
      try {
        for (int i = 0; i < count; i++) {
          processes.add(new ProcessBuilder("sh", "-c", "while :; do :; done").start());
        }
      } catch (IOException e) {
        close();
        throw e;
      }
    }

    @Override
    public void close() {
      processes.forEach(Process::destroyForcibly);
    }
  }

  @Override
  public void close() {
    gateway.close();
  }
}

package dev.switchboard.gateway.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * Servers of OpenAI's API that batch continuously by sleeping, each on a port of its own: what
 * stands behind a gateway whose dispatching is measured. They compute nothing, so on a machine with
 * few cores they do not take from each other what the gateway is to share out. One thread serves
 * all.
 *
 * <p>Prints {@code listening PORT PORT...}. Scripts run from then on; a line {@code begin SCRIPT
 * SCRIPT...} on standard input gives each engine another one, from its begin and with nothing left
 * of what was before; {@code GET /health} tells which one an engine has. Ends with its standard
 * input.
 */
@Command(name = "scripted-engine", mixinStandardHelpOptions = true)
public final class ScriptedEngine implements Callable<Integer> {
  static final String MODEL = "scripted";
  private static final int BACKLOG = 4096;
  private static final ObjectMapper JSON = new ObjectMapper();

  @Option(
      names = "--engine",
      required = true,
      paramLabel = "SCRIPT",
      description = {
        "an engine, such as speed=2,cold=8x25,stall=10+2,gone=20+5 or \"\": speed;",
        "slower by a factor for its first seconds; at a second stands still for seconds;",
        "at a second is gone for seconds. Also base=40, running=1, prompt=0.05 (ms of a",
        "step, per running sequence and per new prompt token), batch=256; repeatable"
      })
  private List<String> scripts = new ArrayList<>();

  private final Queue<String> commands = new ConcurrentLinkedQueue<>();
  private final List<Engine> engines = new ArrayList<>();

  public static void main(String[] arguments) {
    System.exit(new CommandLine(new ScriptedEngine()).execute(arguments));
  }

  @Override
  public Integer call() throws IOException {
    try (NioLoop loop = new NioLoop()) {
      for (String script : scripts) {
        engines.add(new Engine(loop, engines.size(), EngineScript.parse(script)));
      }
      System.out.println(
          engines.stream()
              .map(engine -> Integer.toString(engine.port))
              .collect(Collectors.joining(" ", "listening ", "")));
      Thread.ofPlatform().daemon().start(() -> obey(loop));
      for (; ; ) {
        for (String command = commands.poll(); command != null; command = commands.poll()) {
          begin(command);
        }
        turn(loop);
      }
    }
  }

  private void turn(NioLoop loop) throws IOException {
    long now = System.nanoTime();
    long next = Long.MAX_VALUE;
    for (Engine engine : engines) {
      next = Math.min(next, engine.advance(now) - now);
    }
    if (next == Long.MAX_VALUE) {
      loop.turn();
    } else {
      loop.turn(now + next, false);
    }
  }

  private void obey(NioLoop loop) {
    try {
      BufferedReader reader =
          new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
      for (String line = reader.readLine(); line != null; line = reader.readLine()) {
        commands.add(line);
        loop.selector().wakeup();
      }
    } catch (IOException e) {
      // The same as its end.
    }
    Runtime.getRuntime().halt(0);
  }

  private void begin(String line) throws IOException {
    String[] words = line.strip().split(" +", -1);
    if (!words[0].equals("begin") || words.length != engines.size() + 1) {
      throw new IllegalArgumentException("not begin with a script for each engine: " + line);
    }
    long now = System.nanoTime();
    for (Engine engine : engines) {
      engine.begin(EngineScript.parse(words[engine.number + 1]), now);
    }
  }

  /** One engine: its port, who runs in its batch and who waits to. */
  private static final class Engine {
    private static final long NEVER = Long.MAX_VALUE;

    private final NioLoop loop;
    private final int number;
    private final int port;
    private final Deque<Sequence> waiting = new ArrayDeque<>();
    private final Set<Client> clients = new HashSet<>();
    private List<Sequence> running = new ArrayList<>();
    private EngineScript script;
    private long begunNanos;
    private long stepEndNanos = NEVER;
    private @Nullable ServerSocketChannel listener;
    private int answers;

    Engine(NioLoop loop, int number, EngineScript script) throws IOException {
      this.loop = loop;
      this.number = number;
      this.script = script;
      this.begunNanos = System.nanoTime();
      ServerSocketChannel first = listen(0);
      this.listener = first;
      this.port = first.socket().getLocalPort();
    }

    private ServerSocketChannel listen(int at) throws IOException {
      return loop.listen(at, BACKLOG, channel -> clients.add(new Client(this, channel)));
    }

    void begin(EngineScript next, long now) throws IOException {
      if (!waiting.isEmpty() || !running.isEmpty()) {
        die();
      }
      script = next;
      begunNanos = now;
      appear(now);
    }

    private double second(long nanos) {
      return (nanos - begunNanos) / 1e9;
    }

    private long nanos(double second) {
      return begunNanos + (long) (second * 1e9);
    }

    /**
     * Does what is due.
     *
     * @return when something is due next
     */
    long advance(long now) throws IOException {
      appear(now);
      while (stepEndNanos <= now) {
        stepDone(stepEndNanos);
      }
      double change = script.nextChange(second(now));
      return Math.min(stepEndNanos, change == Double.POSITIVE_INFINITY ? NEVER : nanos(change));
    }

    private void appear(long now) throws IOException {
      boolean gone = script.gone(second(now));
      if (gone && listener != null) {
        die();
      } else if (!gone && listener == null) {
        listener = listen(port);
      }
    }

    private void die() throws IOException {
      if (listener != null) {
        listener.close();
        listener = null;
      }
      waiting.clear();
      running = new ArrayList<>();
      stepEndNanos = NEVER;
      List.copyOf(clients).forEach(Client::close);
      clients.clear();
      // A closed channel keeps its port until the selector has looked.
      loop.selector().selectNow(key -> {});
    }

    void enter(Sequence sequence, long now) {
      waiting.add(sequence);
      if (stepEndNanos == NEVER) {
        step(now);
      }
    }

    void leave(Sequence sequence) {
      waiting.remove(sequence);
      running.remove(sequence);
    }

    /** Takes in who waits, and knows when the step is over. */
    private void step(long now) {
      int prompt = 0;
      while (running.size() < script.batch() && !waiting.isEmpty()) {
        Sequence next = waiting.remove();
        prompt += next.promptTokens;
        running.add(next);
      }
      stepEndNanos =
          running.isEmpty() ? NEVER : nanos(script.stepEnd(running.size(), prompt, second(now)));
    }

    private void stepDone(long now) {
      for (Sequence sequence : List.copyOf(running)) {
        if (sequence.token(now)) {
          running.remove(sequence);
        }
      }
      step(now);
    }

    private String nextId() {
      return "chatcmpl-" + number + "-" + answers++;
    }
  }

  /** A request in an engine. */
  private static final class Sequence {
    private final Client client;
    private final boolean stream;
    private final boolean usage;
    private final int promptTokens;
    private final int tokens;
    private final String id;
    private int generated;
    private long stepNanos;

    Sequence(Client client, JsonNode body, String id) {
      this.client = client;
      this.id = id;
      this.stream = body.path("stream").asBoolean();
      this.usage = body.path("stream_options").path("include_usage").asBoolean();
      this.tokens = Math.max(1, most(body));
      int bytes = 0;
      for (JsonNode message : body.path("messages")) {
        bytes += message.path("content").asText().length();
      }
      this.promptTokens = Math.max(1, bytes / EngineScript.BYTES_PER_TOKEN);
    }

    private static int most(JsonNode body) {
      JsonNode most = body.path("max_completion_tokens");
      return (most.isInt() ? most : body.path("max_tokens")).asInt(16);
    }

    /**
     * Its next one.
     *
     * @param dueNanos when the step that gives it was over
     * @return whether it was the last
     */
    boolean token(long dueNanos) {
      generated++;
      stepNanos = dueNanos;
      boolean last = generated == tokens;
      if (stream) {
        client.send(events(last));
      } else if (last) {
        client.send(answer(200, whole()));
      }
      if (last) {
        client.sequence = null;
      }
      return last;
    }

    private byte[] events(boolean last) {
      StringBuilder text = new StringBuilder();
      if (generated == 1) {
        text.append(STREAM_HEAD).append(chunk(event("\"role\":\"assistant\",\"content\":\"\"")));
      }
      text.append(chunk(event("\"content\":\"" + word() + "\"")));
      if (last) {
        text.append(chunk(head("chat.completion.chunk") + choice("\"delta\":{}", "\"length\"")));
        if (usage) {
          text.append(
              chunk(head("chat.completion.chunk") + "\"choices\":[]," + usageMember() + "}"));
        }
        text.append(rawChunk("data: [DONE]\n\n")).append("0\r\n\r\n");
      }
      return text.toString().getBytes(StandardCharsets.US_ASCII);
    }

    /** Tells a client which engine it is from, which token, and when its step was over. */
    private String word() {
      return client.engine.number + ":" + (generated - 1) + "@" + stepNanos + " ";
    }

    private String event(String delta) {
      return head("chat.completion.chunk") + choice("\"delta\":{" + delta + "}", "null");
    }

    private static String choice(String content, String finish) {
      return "\"choices\":[{\"index\":0,"
          + content
          + ",\"logprobs\":null,\"finish_reason\":"
          + finish
          + "}]}";
    }

    private String head(String object) {
      return "{\"id\":\""
          + id
          + "\",\"object\":\""
          + object
          + "\",\"created\":1795622138,\"model\":\""
          + MODEL
          + "\",";
    }

    private String usageMember() {
      return "\"usage\":{\"prompt_tokens\":"
          + promptTokens
          + ",\"completion_tokens\":"
          + generated
          + ",\"total_tokens\":"
          + (promptTokens + generated)
          + "}";
    }

    private String whole() {
      String message = "\"message\":{\"role\":\"assistant\",\"content\":\"" + word() + "\"}";
      String choices = choice(message, "\"length\"");
      return head("chat.completion")
          + choices.substring(0, choices.length() - 1)
          + ","
          + usageMember()
          + "}";
    }

    private static String chunk(String event) {
      return rawChunk("data: " + event + "\n\n");
    }

    private static String rawChunk(String data) {
      return Integer.toHexString(data.length()) + "\r\n" + data + "\r\n";
    }
  }

  private static final String STREAM_HEAD =
      String.join(
          "\r\n",
          "HTTP/1.1 200 OK",
          "Content-Type: text/event-stream",
          "Transfer-Encoding: chunked",
          "",
          "");

  private static byte[] answer(int status, String body) {
    String head =
        "HTTP/1.1 "
            + status
            + " Answer\r\nContent-Type: application/json\r\nContent-Length: "
            + body.length()
            + "\r\n\r\n";
    return (head + body).getBytes(StandardCharsets.US_ASCII);
  }

  /** One connection; it answers one request after the other. */
  private static final class Client implements HttpReader.Sink {
    private final Engine engine;
    private final NioConnection connection;
    private final ByteArrayOutputStream body = new ByteArrayOutputStream();
    private String line = "";
    private @Nullable Sequence sequence;

    Client(Engine engine, SocketChannel channel) throws IOException {
      this.engine = engine;
      this.connection =
          new NioConnection(
              engine.loop.selector(), channel, new HttpReader(this), () -> gone(engine));
    }

    /** Nobody waits for its answer any more. */
    private void gone(Engine from) {
      from.clients.remove(this);
      Sequence left = sequence;
      if (left != null) {
        from.leave(left);
      }
    }

    void close() {
      connection.close();
    }

    void send(byte[] bytes) {
      connection.send(bytes);
    }

    @Override
    public void head(byte[] bytes, int length) {
      String text = new String(bytes, 0, length, StandardCharsets.ISO_8859_1);
      line = text.substring(0, text.indexOf('\r'));
      body.reset();
    }

    @Override
    public void body(byte[] bytes, int from, int to) {
      body.write(bytes, from, to - from);
    }

    @Override
    public void end() {
      if (line.startsWith("POST /v1/chat/completions ")) {
        complete();
      } else if (line.startsWith("GET /v1/models ")) {
        send(answer(200, "{\"object\":\"list\",\"data\":[{\"id\":\"" + MODEL + "\"}]}"));
      } else if (line.startsWith("GET /health ")) {
        send(answer(200, engine.script.text()));
      } else {
        send(answer(404, "{\"error\":{\"message\":\"not here\",\"type\":\"not_found_error\"}}"));
      }
    }

    private void complete() {
      JsonNode request;
      try {
        request = JSON.readTree(body.toByteArray());
      } catch (IOException e) {
        send(answer(400, "{\"error\":{\"message\":\"not JSON\",\"type\":\"bad_request\"}}"));
        return;
      }
      Sequence next = new Sequence(this, request, engine.nextId());
      sequence = next;
      engine.enter(next, System.nanoTime());
    }
  }
}

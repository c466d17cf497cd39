package dev.switchboard.worker;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.switchboard.chat.ChatTemplate;
import dev.switchboard.chat.ChatTemplates;
import dev.switchboard.chat.TemplateLimits;
import dev.switchboard.constraint.ConstraintCompiler;
import dev.switchboard.constraint.TokenVocabulary;
import dev.switchboard.executor.Fault;
import dev.switchboard.openai.SamplingDefaults;
import dev.switchboard.scheduler.Engine;
import dev.switchboard.scheduler.GenerationRequest;
import dev.switchboard.testing.Await;
import dev.switchboard.timeline.EpochClock;
import dev.switchboard.toolcall.ToolFormat;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** A worker on a real socket around any engine, and a client for it. */
final class WorkerFixture implements AutoCloseable {
  static final int CONTEXT = 4096;
  private static final ObjectMapper MAPPER = new ObjectMapper();

  private final Vertx vertx = Vertx.vertx(new VertxOptions().setEventLoopPoolSize(1));
  private final HttpClient client =
      HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
  private final AtomicLong seeds = new AtomicLong(1000);
  private final Worker worker;
  private final int port;
  private final Engine engine;
  private ToolFormat toolFormat = ToolFormat.NONE;
  private ByteTokenizer tokenizer = new ByteTokenizer(true);
  private ModelTask task = ModelTask.GENERATE;
  private int dimensions;
  private int context = CONTEXT;

  WorkerFixture(Engine engine) {
    this(engine, UnaryOperator.identity());
  }

  WorkerFixture(Engine engine, UnaryOperator<WorkerSettings> change) {
    this(engine, change, null);
  }

  /** Its port asks for a secret, where there is one. */
  WorkerFixture(Engine engine, UnaryOperator<WorkerSettings> change, @Nullable FleetSecret secret) {
    this.engine = engine;
    WorkerSettings patient =
        Settings.canaryTimeout(
            WorkerSettings.defaults("w-test", "127.0.0.1", 0),
            Duration.ofSeconds(Await.LIMIT_SECONDS));
    WorkerSettings settings = change.apply(patient);
    worker = new Worker(vertx, settings, EpochClock.system(), seeds::getAndIncrement);
    WorkerGuard guard = WorkerGuard.of(settings.bind(), secret);
    port = worker.listen(guard).toCompletableFuture().join();
  }

  /** Answers every request with this text, then ends. */
  static ScriptedEngine answering(String text) {
    return scripted(request -> tokens(text));
  }

  static ScriptedEngine scripted(Function<GenerationRequest, int[]> script) {
    return new ScriptedEngine(
        request ->
            request.requestId().equals("canary") ? new int[] {'c', 'c'} : script.apply(request));
  }

  static int[] tokens(String text) {
    return new ByteTokenizer(false).encode(text);
  }

  /** Serves a model that writes calls in a format. */
  WorkerFixture calling(ToolFormat format) {
    toolFormat = format;
    return serve();
  }

  /** Serves a model that writes calls as its template shows, with a vocabulary of its own. */
  WorkerFixture calling(String template, ByteTokenizer vocabulary) {
    return calling(template, template, vocabulary);
  }

  /** Likewise, with another template for conversations without tools. */
  WorkerFixture calling(String plain, String forTools, ByteTokenizer vocabulary) {
    toolFormat = ToolFormat.of(forTools);
    tokenizer = vocabulary;
    return serve(ChatTemplates.withTools(compiled(plain), compiled(forTools)));
  }

  private static ChatTemplate compiled(String source) {
    return ChatTemplates.compile(source, TemplateLimits.DEFAULT, Clock.systemUTC());
  }

  WorkerFixture serve() {
    return serve(conversation());
  }

  WorkerFixture serve(@Nullable ChatTemplate template) {
    return serve(template, null);
  }

  WorkerFixture serve(@Nullable ChatTemplate template, @Nullable Consumer<Fault> faults) {
    worker.serve(model(template, faults)).toCompletableFuture().join();
    return this;
  }

  /** With a context of so many tokens. */
  WorkerFixture within(int tokens) {
    context = tokens;
    return serve();
  }

  /** As an encoder: what its engine gives are vectors of this length, or scores. */
  WorkerFixture serve(ModelTask servedTask, int vectorDimensions) {
    task = servedTask;
    dimensions = vectorDimensions;
    return serve();
  }

  private ServedModel model(@Nullable ChatTemplate template, @Nullable Consumer<Fault> faults) {
    return new ServedModel(
        "test-model",
        1_700_000_000L,
        new ServedModel.Facts(
            "llama", task, dimensions, 1000, "F32", context, tokenizer.size(), "fp_test"),
        new ServedModel.Topology(1, 2, 1, "reference"),
        new ServedModel.Memory(1, 2, 3, 4, 16, null),
        tokenizer,
        new ConstraintCompiler(new TokenVocabulary(tokenizer, tokenizer.size())),
        template,
        toolFormat,
        SamplingDefaults.OF_THE_API,
        engine,
        faults);
  }

  /** Renders each message as {@code role: content} on a line. */
  static ChatTemplate conversation() {
    return variables -> {
      StringBuilder text = new StringBuilder();
      List<?> messages = variables.get("messages") instanceof List<?> list ? list : List.of();
      for (Object message : messages) {
        Map<?, ?> fields = (Map<?, ?>) message;
        text.append(fields.get("role")).append(": ").append(fields.get("content")).append('\n');
      }
      return new ChatTemplate.Rendered(text + "assistant:", new int[0]);
    };
  }

  Worker worker() {
    return worker;
  }

  int port() {
    return port;
  }

  HttpResponse<String> get(String path) {
    return send(request(path).GET());
  }

  HttpResponse<String> post(String path, String body, String... headers) {
    return send(posting(path, body, headers));
  }

  HttpResponse<String> delete(String path) {
    return send(request(path).DELETE());
  }

  /** The lines of an event stream as they come. */
  HttpResponse<Stream<String>> stream(String path, String body, String... headers) {
    try {
      return client.send(posting(path, body, headers).build(), BodyHandlers.ofLines());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  /** The data of every event of a whole stream. */
  List<String> events(String path, String body, String... headers) {
    return data(post(path, body, headers).body());
  }

  static List<String> data(String stream) {
    return stream
        .lines()
        .filter(line -> line.startsWith("data: "))
        .map(line -> line.substring("data: ".length()))
        .toList();
  }

  private HttpRequest.Builder posting(String path, String body, String... headers) {
    HttpRequest.Builder request =
        request(path)
            .header("Content-Type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofString(body));
    for (int i = 0; i < headers.length; i += 2) {
      request.header(headers[i], headers[i + 1]);
    }
    return request;
  }

  private HttpRequest.Builder request(String path) {
    return HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path))
        .timeout(Duration.ofSeconds(Await.LIMIT_SECONDS));
  }

  private HttpResponse<String> send(HttpRequest.Builder request) {
    try {
      return client.send(request.build(), BodyHandlers.ofString());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  /** Sends these bytes on a connection of their own. */
  Socket raw(String bytes) throws IOException {
    Socket socket = new Socket(InetAddress.getLoopbackAddress(), port);
    socket.setSoTimeout(Await.LIMIT_MS);
    socket.getOutputStream().write(bytes.getBytes(StandardCharsets.ISO_8859_1));
    socket.getOutputStream().flush();
    return socket;
  }

  /** The same, of which little fits into the socket while it is not read. */
  Socket rawSlow(String bytes) throws IOException {
    Socket socket = new Socket();
    socket.setReceiveBufferSize(4096);
    socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
    socket.setSoTimeout(Await.LIMIT_MS);
    socket.getOutputStream().write(bytes.getBytes(StandardCharsets.ISO_8859_1));
    socket.getOutputStream().flush();
    return socket;
  }

  /** Everything the worker sends until it closes. */
  static String readAll(Socket socket) throws IOException {
    try (socket) {
      return new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  static JsonNode json(String text) {
    try {
      return MAPPER.readTree(text);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void close() {
    client.shutdownNow();
    worker.terminate().toCompletableFuture().join();
    vertx.close().toCompletionStage().toCompletableFuture().join();
  }
}

package dev.switchboard.gateway.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.bench.MarkdownTable;
import dev.switchboard.bench.OptionCheck;
import dev.switchboard.bench.Samples;
import java.io.IOException;
import java.io.PrintStream;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/**
 * Tokens a second and the time to the first one, of servers that run: ours, and others beside it in
 * the same minutes. A server gets the same requests as the others of its round; no prompt comes
 * twice, so that none is in a cache.
 */
@Command(
    name = "bench serving",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Sends streams side by side to the running gateway and tells tokens a second, the",
      "time to the first token and the longest gap of a stream. --beside names other",
      "servers of OpenAI's API (vLLM, llama-server), which get the same requests in turns.",
      "Medians over rounds; ends with status 1 where a request failed."
    })
public final class ServingBench implements Callable<Integer> {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String[] WORDS =
      ("time year people way day man thing woman life child world school state family student group"
              + " country problem hand part place case week company system program question work"
              + " number night point home water room mother area money story fact month lot right"
              + " study book eye job word business issue side kind head house service friend")
          .split(" ");

  /** Our gateway would refuse what waits longer than its default target; others do not know it. */
  private static final String PATIENT = "X-SLO-TTFT-Ms: 60000\r\n";

  @Option(
      names = "--url",
      defaultValue = "http://127.0.0.1:8080",
      description = "of the gateway (http://127.0.0.1:8080)")
  private URI url = URI.create("");

  @Option(names = "--beside", paramLabel = "URL", description = "of another server; repeatable")
  private List<URI> others = new ArrayList<>();

  @Option(names = "--model", description = "that is asked (the first that each server lists)")
  private @Nullable String model;

  @Option(names = "--key", description = "sent to all as Authorization: Bearer KEY")
  private @Nullable String key;

  @Option(names = "--streams", defaultValue = "64", description = "side by side (64)")
  private int streams;

  @Option(
      names = "--requests",
      defaultValue = "256",
      description = "of each server in each round (256)")
  private int requests;

  @Option(
      names = "--words",
      defaultValue = "400",
      description = "of each prompt, a token or two each (400)")
  private int words;

  @Option(names = "--tokens", defaultValue = "128", description = "of each answer (128)")
  private int tokens;

  @Option(names = "--rounds", defaultValue = "3", description = "behind one that warms up (3)")
  private int rounds;

  @Spec private @Nullable CommandSpec spec;

  private final PrintStream out;
  private final List<String> complaints = Collections.synchronizedList(new ArrayList<>());

  private ServingBench(PrintStream out) {
    this.out = out;
  }

  public static void main(String[] arguments) {
    System.exit(commandLine(System.out).execute(arguments));
  }

  /** The launcher says where its own gateway is; who names another one does so later. */
  static CommandLine commandLine(PrintStream out) {
    return new CommandLine(new ServingBench(out)).setOverwrittenOptionsAllowed(true);
  }

  @Override
  public Integer call() throws IOException, InterruptedException {
    check();
    List<Server> servers = servers();
    out.printf(
        "%d streams side by side, %d requests a round of %d words, %d tokens each%n%n",
        streams, requests, words, tokens);
    for (int round = 0; round <= rounds; round++) {
      List<Server> turns = round % 2 == 0 ? servers : servers.reversed();
      for (Server server : turns) {
        Round seen = measure(server, round);
        if (round > 0) {
          server.rounds.add(seen);
        }
      }
    }
    print(servers);
    complaints.stream().limit(5).forEach(complaint -> out.println("failed: " + complaint));
    return complaints.isEmpty() ? 0 : 1;
  }

  private void check() {
    OptionCheck.requirePositive(spec, "--streams", streams);
    OptionCheck.requirePositive(spec, "--requests", requests);
    OptionCheck.requirePositive(spec, "--words", words);
    OptionCheck.requirePositive(spec, "--tokens", tokens);
    OptionCheck.requirePositive(spec, "--rounds", rounds);
  }

  private CommandLine.ParameterException wrong(String message) {
    return OptionCheck.wrong(spec, message);
  }

  private List<Server> servers() throws InterruptedException {
    List<URI> urls = new ArrayList<>(List.of(url));
    urls.addAll(others);
    List<Server> servers = new ArrayList<>();
    for (URI each : urls) {
      if (!"http".equals(each.getScheme()) || each.getHost() == null || each.getPort() < 0) {
        throw wrong(each + " is not of the form http://HOST:PORT");
      }
      try {
        servers.add(new Server(each, model == null ? firstModel(each) : model));
      } catch (IOException e) {
        throw wrong(each + " does not list its models: " + e);
      }
    }
    return servers;
  }

  private String firstModel(URI server) throws IOException, InterruptedException {
    HttpRequest.Builder request = HttpRequest.newBuilder(server.resolve("/v1/models"));
    if (key != null) {
      request.header("Authorization", "Bearer " + key);
    }
    try (HttpClient client = HttpClient.newHttpClient()) {
      HttpResponse<String> answer =
          client.send(request.build(), HttpResponse.BodyHandlers.ofString());
      JsonNode id = JSON.readTree(answer.body()).at("/data/0/id");
      if (answer.statusCode() != 200 || !id.isTextual()) {
        throw new IOException("status " + answer.statusCode() + ", and no model");
      }
      return id.asText();
    }
  }

  /** One that is measured. */
  private static final class Server {
    private final URI url;
    private final String model;
    private final List<Round> rounds = new ArrayList<>();

    Server(URI url, String model) {
      this.url = url;
      this.model = model;
    }

    double median(ToDoubleFunction<Round> figure) {
      Samples samples = new Samples();
      rounds.forEach(round -> samples.add(figure.applyAsDouble(round)));
      return samples.median();
    }
  }

  /** What the clients of one server saw in one round; milliseconds. */
  private record Round(
      double tokensPerSecond, double firstP50, double firstP99, double gapP99, int failed) {}

  private Round measure(Server server, int round) {
    ClientLedger ledger = new ClientLedger();
    InetSocketAddress address = new InetSocketAddress(server.url.getHost(), server.url.getPort());
    AtomicInteger next = new AtomicInteger();
    List<AnswerLog> answers = Collections.synchronizedList(new ArrayList<>());
    long begin = System.nanoTime();
    try (ExecutorService clients = Executors.newVirtualThreadPerTaskExecutor()) {
      for (int i = 0; i < streams; i++) {
        clients.execute(
            () -> {
              for (int n = next.getAndIncrement(); n < requests; n = next.getAndIncrement()) {
                ask(server, address, ledger, question(server.model, round, n), answers);
              }
            });
      }
    }
    return seen(answers, (System.nanoTime() - begin) / 1e9);
  }

  private void ask(
      Server server,
      InetSocketAddress address,
      ClientLedger ledger,
      ChaosClient.Question question,
      List<AnswerLog> answers) {
    try (ChaosClient client = new ChaosClient(address, ledger)) {
      AnswerLog answer = client.send(question);
      client.read(answer);
      if (answer.good() && answer.generated() > 0) {
        answers.add(answer);
      } else {
        complaints.add(server.url + " " + answer.complaint());
      }
    } catch (IOException e) {
      complaints.add(server.url + " " + e);
    }
  }

  private Round seen(List<AnswerLog> answers, double seconds) {
    long generated = answers.stream().mapToLong(AnswerLog::generated).sum();
    double[] first =
        answers.stream()
            .mapToDouble(answer -> (answer.firstNanos() - answer.begunNanos()) / 1e6)
            .toArray();
    double[] gaps = answers.stream().mapToDouble(AnswerLog::longestGapMs).toArray();
    return new Round(
        generated / seconds,
        DispatchFigures.percentile(first, 50),
        DispatchFigures.percentile(first, 99),
        DispatchFigures.percentile(gaps, 99),
        requests - answers.size());
  }

  /** Begins with a number that no other prompt begins with. */
  private ChaosClient.Question question(String asked, int round, int number) {
    SplittableRandom random = new SplittableRandom(round * 1_000_003L + number);
    StringBuilder prompt = new StringBuilder().append(round).append('-').append(number);
    for (int i = 1; i < words; i++) {
      prompt.append(' ').append(WORDS[random.nextInt(WORDS.length)]);
    }
    String body =
        JSON.createObjectNode()
            .put("model", asked)
            .put("stream", true)
            .put("ignore_eos", true)
            .put("temperature", 0)
            .put("max_tokens", tokens)
            .<ObjectNode>set("stream_options", JSON.createObjectNode().put("include_usage", true))
            .<ObjectNode>set(
                "messages",
                JSON.createArrayNode()
                    .add(
                        JSON.createObjectNode()
                            .put("role", "user")
                            .put("content", prompt.toString())))
            .toString();
    String authorization = key == null ? "" : "Authorization: Bearer " + key + "\r\n";
    return new ChaosClient.Question(body, true, PATIENT + authorization);
  }

  private void print(List<Server> servers) {
    double first = servers.getFirst().median(Round::tokensPerSecond);
    List<List<String>> rows = new ArrayList<>();
    for (Server server : servers) {
      double rate = server.median(Round::tokensPerSecond);
      rows.add(
          List.of(
              server.url.toString(),
              server.model,
              number("%.0f", rate),
              number("%.2f", rate / first),
              number("%.1f", server.median(Round::firstP50)),
              number("%.1f", server.median(Round::firstP99)),
              number("%.1f", server.median(Round::gapP99)),
              Integer.toString(server.rounds.stream().mapToInt(Round::failed).sum())));
    }
    MarkdownTable.print(
        out,
        List.of(
            "server",
            "model",
            "tokens/s",
            "ratio",
            "first token p50 ms",
            "p99 ms",
            "longest gap p99 ms",
            "failed"),
        rows);
  }

  private static String number(String format, double value) {
    return Double.isNaN(value) ? "-" : String.format(Locale.ROOT, format, value);
  }
}

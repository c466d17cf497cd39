package dev.switchboard.gateway.bench;

import dev.switchboard.bench.OptionCheck;
import java.io.IOException;
import java.io.PrintStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/**
 * Sends requests to a gateway that runs, then follows every exemplar of its metrics to its trace: a
 * trace store is bounded, and an exemplar must not point to what it has dropped.
 */
@Command(
    name = "bench exemplars",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Sends requests to the running gateway, which ./switchboard up -d --with zipkin",
      "started, then asks the Zipkin for the trace of every exemplar of the metrics;",
      "ends with status 1 where one is not there."
    })
public final class ExemplarBench implements Callable<Integer> {
  private static final Pattern EXEMPLAR = Pattern.compile("# \\{[^}]*trace_id=\"(\\w{32})\"");
  private static final String OPEN_METRICS = "application/openmetrics-text; version=1.0.0";
  private static final int EACH_MS = 200;
  private static final int SHOWN = 10;

  @Option(
      names = "--requests",
      defaultValue = "20000",
      description = "sent before exemplars are followed (20000)")
  private int requests;

  @Option(names = "--clients", defaultValue = "8", description = "that send at once (8)")
  private int clients;

  @Option(
      names = "--model",
      defaultValue = "switchboard-demo",
      description = "that is asked (switchboard-demo)")
  private String model = "";

  @Option(
      names = "--url",
      defaultValue = "http://127.0.0.1:8080",
      description = "of the gateway (http://127.0.0.1:8080)")
  private URI url = URI.create("");

  @Option(
      names = "--admin",
      defaultValue = "http://127.0.0.1:9901",
      description = "of its admin API (http://127.0.0.1:9901)")
  private URI admin = URI.create("");

  @Option(
      names = "--zipkin",
      defaultValue = "http://127.0.0.1:9411",
      description = "where its traces are (http://127.0.0.1:9411)")
  private URI zipkin = URI.create("");

  @Option(
      names = "--wait",
      paramLabel = "SECONDS",
      defaultValue = "10",
      description = "that a trace may take to get there (10)")
  private int waitSeconds;

  @Spec private @Nullable CommandSpec spec;

  private final PrintStream out = System.out;
  private final HttpClient client = HttpClient.newHttpClient();

  public static void main(String[] arguments) {
    System.exit(commandLine().execute(arguments));
  }

  /** The launcher says where its own Zipkin is; who names another one does so later. */
  static CommandLine commandLine() {
    return new CommandLine(new ExemplarBench()).setOverwrittenOptionsAllowed(true);
  }

  @Override
  public Integer call() throws Exception {
    OptionCheck.requirePositive(spec, "--requests", requests);
    OptionCheck.requirePositive(spec, "--clients", clients);
    int served = send();
    out.printf("%d of %d requests served%n", served, requests);
    Set<String> traces = exemplars();
    Set<String> missing = new TreeSet<>();
    for (String trace : traces) {
      if (!isThere(trace)) {
        missing.add(trace);
      }
    }
    out.printf("%d of %d exemplars resolve%n", traces.size() - missing.size(), traces.size());
    missing.stream().limit(SHOWN).forEach(trace -> out.println("missing: " + trace));
    return served == requests && !traces.isEmpty() && missing.isEmpty() ? 0 : 1;
  }

  private int send() {
    AtomicInteger left = new AtomicInteger(requests);
    AtomicInteger served = new AtomicInteger();
    try (ExecutorService senders = Executors.newFixedThreadPool(clients)) {
      for (int i = 0; i < clients; i++) {
        senders.execute(
            () -> {
              while (left.getAndDecrement() > 0) {
                served.addAndGet(ask() ? 1 : 0);
              }
            });
      }
    }
    return served.get();
  }

  private boolean ask() {
    String body =
        "{\"model\":\"%s\",\"prompt\":\"a\",\"max_tokens\":1,\"stream\":true}".formatted(model);
    HttpRequest request =
        HttpRequest.newBuilder(url.resolve("/v1/completions"))
            .header("Content-Type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofString(body))
            .build();
    try {
      return client.send(request, HttpResponse.BodyHandlers.discarding()).statusCode() == 200;
    } catch (IOException broken) {
      return false;
    } catch (InterruptedException ended) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  private Set<String> exemplars() throws IOException, InterruptedException {
    HttpRequest request =
        HttpRequest.newBuilder(admin.resolve("/metrics")).header("Accept", OPEN_METRICS).build();
    String page = client.send(request, HttpResponse.BodyHandlers.ofString()).body();
    Set<String> traces = new TreeSet<>();
    EXEMPLAR.matcher(page).results().forEach(found -> traces.add(found.group(1)));
    return traces;
  }

  /** Spans are on their way for a while. */
  private boolean isThere(String trace) throws IOException, InterruptedException {
    HttpRequest request = HttpRequest.newBuilder(zipkin.resolve("/api/v2/trace/" + trace)).build();
    for (int waited = 0; waited <= waitSeconds * 1000; waited += EACH_MS) {
      HttpResponse<String> found = client.send(request, HttpResponse.BodyHandlers.ofString());
      if (found.statusCode() == 200 && found.body().contains("\"traceId\"")) {
        return true;
      }
      TimeUnit.MILLISECONDS.sleep(EACH_MS);
    }
    return false;
  }
}

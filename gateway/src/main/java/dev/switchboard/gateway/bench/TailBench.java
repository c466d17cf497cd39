package dev.switchboard.gateway.bench;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * What it costs a gateway that requests are followed and listed. One gateway is loaded in turns, in
 * each with or without listeners to its tail and lists by filters once a second, in another order
 * each round.
 */
@Command(
    name = "bench tail",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Measures what listeners to the requests that end, and lists of them by filters,",
      "cost a gateway: latency at 500 requests a second, and requests a second on 8",
      "connections, with and without in turns. Medians over rounds."
    })
public final class TailBench implements Callable<Integer> {
  private static final String BASE = "/admin/v1/requests";

  /** Of the listeners, in turn: all, and such as a console's. */
  private static final List<String> FILTERS =
      List.of("", "?sample=0.1", "?slo=missed", "?model=m&min_ms=1", "?outcome=ok&replica=u0");

  private static final List<String> LISTS =
      List.of("?limit=100", "?slo=missed&limit=100", "?min_ms=1000&limit=100", "?running=true");

  private static final List<Workload> WORKLOADS = List.of(Workload.LATENCY, Workload.CLOSED);
  private static final List<String> VALUES = List.of("p50_us", "p99_us", "per_second", "cpu_us");

  @Mixin private Amount amount = new Amount();

  @Option(names = "--listeners", defaultValue = "8", description = "to the tail (8)")
  private int listeners;

  private final Map<String, List<Double>> samples = new HashMap<>();

  public static void main(String[] arguments) {
    System.exit(commandLine().execute(arguments));
  }

  static CommandLine commandLine() {
    return new CommandLine(new TailBench()).setCaseInsensitiveEnumValuesAllowed(true);
  }

  /** Whoever watches; all of them leave with it. */
  private static final class Watchers implements AutoCloseable {
    private final HttpClient client = HttpClient.newHttpClient();
    private final ScheduledExecutorService lists = Executors.newSingleThreadScheduledExecutor();
    private final List<InputStream> tails = new ArrayList<>();

    Watchers(URI admin, int listeners) throws IOException {
      for (int i = 0; i < listeners; i++) {
        InputStream body = open(admin.resolve(BASE + "/tail" + FILTERS.get(i % FILTERS.size())));
        tails.add(body);
        Thread _ = Thread.startVirtualThread(() -> drain(body));
      }
      ScheduledFuture<?> _ =
          lists.scheduleAtFixedRate(
              () -> LISTS.forEach(list -> drain(opened(admin.resolve(BASE + list)))),
              0,
              1,
              TimeUnit.SECONDS);
    }

    private InputStream open(URI uri) throws IOException {
      try {
        HttpResponse<InputStream> answer =
            client.send(
                HttpRequest.newBuilder(uri).build(), HttpResponse.BodyHandlers.ofInputStream());
        if (answer.statusCode() != 200) {
          throw new IOException(uri + ": " + answer.statusCode());
        }
        return answer.body();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new IOException("interrupted", e);
      }
    }

    private InputStream opened(URI uri) {
      try {
        return open(uri);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    private static void drain(InputStream body) {
      try (body) {
        body.transferTo(OutputStream.nullOutputStream());
      } catch (IOException e) {
        // The turn is over.
      }
    }

    @Override
    public void close() throws IOException {
      lists.shutdownNow();
      for (InputStream tail : tails) {
        tail.close();
      }
      client.shutdownNow();
    }
  }

  @Override
  public Integer call() throws IOException {
    amount.check();
    try (TestBed bed = TestBed.open();
        Target gateway =
            Target.gateway(
                bed,
                bed.worker(),
                new Target.Setup(
                    "gateway",
                    false,
                    List.of(),
                    true,
                    amount.preset().warmUpRequests,
                    Target.Setup.ALL))) {
      bed.warm(List.of(gateway), WORKLOADS, amount.plan(null), amount.warmSeconds());
      Random random = new Random(1);
      for (int round = 1; round <= amount.rounds(); round++) {
        System.err.printf("round %d of %d%n", round, amount.rounds());
        for (Workload workload : WORKLOADS) {
          List<Boolean> sides = new ArrayList<>(List.of(false, true));
          Collections.shuffle(sides, random);
          for (boolean watched : sides) {
            turn(bed, gateway, workload, watched);
          }
        }
      }
      print(bed);
      return bed.status();
    }
  }

  private void turn(TestBed bed, Target gateway, Workload workload, boolean watched)
      throws IOException {
    URI admin = Objects.requireNonNull(gateway.admin(), "a gateway of ours");
    Workload.Plan plan = amount.plan(null);
    if (watched) {
      try (Watchers _ = new Watchers(admin, listeners)) {
        add(workload, true, bed.reconciled(gateway, workload, plan).values());
      }
    } else {
      add(workload, false, bed.reconciled(gateway, workload, plan).values());
    }
  }

  private void add(Workload workload, boolean watched, Map<String, Double> values) {
    VALUES.forEach(
        value ->
            samples
                .computeIfAbsent(key(workload, watched, value), first -> new ArrayList<>())
                .add(values.getOrDefault(value, Double.NaN)));
  }

  private static String key(Workload workload, boolean watched, String value) {
    return workload.label() + " " + watched + " " + value;
  }

  private double median(Workload workload, boolean watched, String value) {
    List<Double> sorted = new ArrayList<>(samples.get(key(workload, watched, value)));
    Collections.sort(sorted);
    int middle = sorted.size() / 2;
    return sorted.size() % 2 == 1
        ? sorted.get(middle)
        : (sorted.get(middle - 1) + sorted.get(middle)) / 2;
  }

  private void print(TestBed bed) {
    System.out.printf("%s; %d listeners, 4 lists a second%n", bed.machine(), listeners);
    System.out.printf("%-10s %-12s %12s %12s %8s%n", "load", "", "without", "with", "");
    for (Workload workload : WORKLOADS) {
      for (String value : VALUES) {
        double without = median(workload, false, value);
        double with = median(workload, true, value);
        System.out.printf(
            Locale.ROOT,
            "%-10s %-12s %12.1f %12.1f %+7.1f%%%n",
            workload.label(),
            value,
            without,
            with,
            100 * (with / without - 1));
      }
    }
  }
}

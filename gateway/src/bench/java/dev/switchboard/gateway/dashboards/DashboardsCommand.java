package dev.switchboard.gateway.dashboards;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.PrintWriter;
import java.net.ConnectException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Draws every dashboard of a folder into SVG files of the same names. */
@Command(
    name = "dashboards",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Draws the dashboards as SVG from what a Prometheus knows, without a Grafana:",
      "for a report of an incident, or to look at once."
    })
public final class DashboardsCommand implements Callable<Integer> {
  private static final String JOB = "switchboard";

  @Spec private @Nullable CommandSpec spec;

  @Option(
      names = "--prometheus",
      paramLabel = "URL",
      defaultValue = "http://127.0.0.1:9090",
      description = "whose data (default: ${DEFAULT-VALUE}, as `up --with prometheus` starts it)")
  private URI prometheus = URI.create("http://127.0.0.1:9090");

  @Option(
      names = "--minutes",
      paramLabel = "N",
      defaultValue = "15",
      description = "how far back (default: ${DEFAULT-VALUE})")
  private int minutes = 15;

  @Option(
      names = "--out",
      paramLabel = "FOLDER",
      defaultValue = "dashboards-now",
      description = "where the pictures go (default: ${DEFAULT-VALUE})")
  private Path out = Path.of("dashboards-now");

  public static void main(String[] arguments) {
    System.exit(new CommandLine(new DashboardsCommand()).execute(arguments));
  }

  @Override
  public Integer call() throws IOException {
    CommandLine commandLine = Objects.requireNonNull(spec).commandLine();
    PrintWriter console = commandLine.getOut();
    if (minutes < 1 || minutes > 60 * 24 * 31) {
      throw new CommandLine.ParameterException(commandLine, "--minutes must be 1 to 44640");
    }
    Path folder = Path.of(System.getProperty("switchboard.home", ".")).resolve("dashboards");
    try (PrometheusApi api = new PrometheusApi(prometheus)) {
      Window window = Window.until(api.now(), minutes * 60L, api.scrapeSeconds(JOB));
      draw(folder, out, api, window).forEach(console::println);
      return 0;
    } catch (ConnectException e) {
      commandLine.getErr().println("no Prometheus answers at " + prometheus);
      return 1;
    }
  }

  /**
   * Draws them all.
   *
   * @return the files that were written
   */
  public static List<Path> draw(Path dashboards, Path out, PrometheusApi prometheus, Window window)
      throws IOException {
    Files.createDirectories(out);
    List<Path> sources;
    try (Stream<Path> files = Files.list(dashboards)) {
      sources = files.filter(file -> file.toString().endsWith(".json")).sorted().toList();
    }
    int scrapeSeconds = prometheus.scrapeSeconds(JOB);
    for (Path source : sources) {
      JsonNode dashboard = new ObjectMapper().readTree(source.toFile());
      Picture picture = Picture.draw(dashboard, prometheus, window, scrapeSeconds);
      Files.writeString(file(out, source), picture.svg());
    }
    return sources.stream().map(source -> file(out, source)).toList();
  }

  private static Path file(Path out, Path source) {
    return out.resolve(source.getFileName().toString().replace(".json", ".svg"));
  }
}

package dev.switchboard.worker;

import dev.switchboard.fetch.FetchException;
import dev.switchboard.fetch.FetchOrder;
import dev.switchboard.fetch.ModelFetch;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * Brings a model file to where a worker reads it, and ends: the init container of a worker's pod.
 * Another start goes on where this one was stopped.
 */
@Command(
    name = "fetch-model",
    sortOptions = false,
    description = {
      "Downloads a model unless it is there already with the right SHA-256 sum.",
      "Under its name there is nothing or all of it; what is stopped is resumed."
    },
    mixinStandardHelpOptions = true,
    versionProvider = WorkerMain.Version.class,
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {
      "0:the file is there",
      "2:the command line is wrong",
      "3:the server refuses it",
      "4:the server did not answer, or broke off, in all attempts",
      "5:the content has another sum",
      "6:the volume is too small",
      "7:the folder cannot be written"
    })
public final class FetchModelMain implements Callable<Integer> {
  @Option(names = "--url", required = true, description = "Where it is: http or https.")
  private URI url = URI.create("");

  @Option(names = "--sha256", required = true, description = "Its sum, 64 hexadecimal digits.")
  private String sha256 = "";

  @Option(names = "--to", required = true, paramLabel = "FILE", description = "Where it goes.")
  private Path to = Path.of("");

  @Option(
      names = "--token-file",
      paramLabel = "FILE",
      description = "A bearer token for the server of --url; redirects elsewhere do not get it.")
  private @Nullable Path tokenFile;

  @Option(
      names = "--attempts",
      defaultValue = "8",
      description = "That may end in a row without a byte (default ${DEFAULT-VALUE}).")
  private int attempts;

  @Option(
      names = "--timeout",
      paramLabel = "SECONDS",
      defaultValue = "30",
      description = "For connecting and for each wait for bytes (default ${DEFAULT-VALUE}).")
  private int timeoutSeconds;

  private FetchModelMain() {}

  public static void main(String[] arguments) {
    System.exit(new CommandLine(new FetchModelMain()).execute(arguments));
  }

  @Override
  public Integer call() throws InterruptedException {
    FetchOrder order = order();
    try {
      ModelFetch.Outcome outcome = new ModelFetch(order, FetchModelMain::say, Thread::sleep).run();
      say(
          switch (outcome) {
            case ALREADY_THERE -> order.to() + " is there, with the right sum";
            case FETCHED -> order.to() + " is downloaded, with the right sum";
          });
      return 0;
    } catch (FetchException failed) {
      say("failed: " + failed.getMessage());
      return code(failed.reason());
    }
  }

  private FetchOrder order() {
    try {
      String token = tokenFile == null ? null : Files.readString(tokenFile).strip();
      return new FetchOrder(url, sha256, to, token, attempts, Duration.ofSeconds(timeoutSeconds));
    } catch (IOException unreadable) {
      throw wrong("--token-file: cannot read " + tokenFile);
    } catch (IllegalArgumentException refused) {
      throw wrong(String.valueOf(refused.getMessage()));
    }
  }

  private static CommandLine.ParameterException wrong(String message) {
    return new CommandLine.ParameterException(new CommandLine(new FetchModelMain()), message);
  }

  private static int code(FetchException.Reason reason) {
    return switch (reason) {
      case REFUSED -> 3;
      case UNREACHABLE -> 4;
      case WRONG_CONTENT -> 5;
      case NO_SPACE -> 6;
      case CANNOT_WRITE -> 7;
    };
  }

  private static void say(String line) {
    System.out.println("fetch-model: " + line);
  }
}

package dev.switchboard.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.PrintWriter;
import java.io.StringWriter;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class EngineBenchTest {

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--shape=tinyllama-1.1b      | --shape wants NAME:FORMAT, not 'tinyllama-1.1b'",
        "--shape=gpt-9:Q8_0          | --shape gpt-9:Q8_0: 'gpt-9' is none of smollm2-135m",
        "--shape=smollm2-135m:Q9     | --shape smollm2-135m:Q9: 'Q9' is none of F32 F16 BF16",
        "--rounds=0                  | --rounds must be at least 1",
        "--batch=1,0                 | --batch must be at least 1",
        "--stages=0                  | --stages must be at least 1",
        "--threads=-1                | --threads must be at least 0",
        "--preset=slow               | Invalid value for option '--preset'",
        "--kv=Q4_0                   | Invalid value for option '--kv'",
        "--llama-bench=/no/such/file | --llama-bench: /no/such/file is not an executable file",
      })
  void aWrongOptionIsOneLineAndTheUsage(String argument, String complaint) {
    StringWriter errors = new StringWriter();

    int code = EngineBench.commandLine().setErr(new PrintWriter(errors)).execute(argument);

    assertEquals(2, code);
    assertTrue(errors.toString().startsWith(complaint), errors::toString);
    assertTrue(errors.toString().contains("Usage: bench engine"), errors::toString);
    assertFalse(errors.toString().contains("\tat "), errors::toString);
  }
}

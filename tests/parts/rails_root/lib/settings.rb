# settings.json, read afresh each time, so that a test can change it under a running rake.

require "json"

module Settings
  ROOT = File.expand_path("..", __dir__)

  def self.read
    JSON.parse(File.read(File.join(ROOT, "settings.json")))
  end

  # Every order's state in the shop, by number.
  def self.states
    JSON.parse(File.read(File.join(ROOT, "front.json")))
  end

  # One line, one write: a killed process loses none, and several may write.
  def self.log(file, words)
    File.open(File.join(ROOT, "#{file}.log"), "a") do |log|
      log.syswrite([Time.now.to_f, Process.pid, *words].to_json + "\n")
    end
  end

  # Whatever is set for this task, this order and this moment: "before" or "after" the work, or
  # "instead" of it. Whether there was anything.
  def self.misbehave(task, number, moment)
    fits = read["quirks"].select do |quirk|
      quirk["task"] == task && quirk["moment"] == moment &&
        (quirk["numbers"].nil? || quirk["numbers"].include?(number))
    end
    fits.each { |quirk| Quirks.public_send(quirk["kind"], quirk["value"] || number) }.any?
  end
end

# What goes wrong on real nodes.
module Quirks
  module_function

  def noise(megabytes)
    line = "#{'noise' * 204}\n" # 1021 bytes
    (megabytes * 1024 * 1024).fdiv(line.bytesize).ceil.times { STDOUT.write(line) }
    STDOUT.flush
  end

  def sleeps(seconds)
    sleep seconds
  end

  def reads_stdin(_)
    STDIN.read
  end

  # A child that outlives the task, and keeps whatever descriptors it inherited.
  def forks(seconds)
    Process.detach(fork { sleep seconds })
  end

  def exits(code)
    exit code
  end

  def exits_hard(code)
    exit! code
  end

  def aborts(message)
    abort message
  end

  def dies(_)
    Process.kill(:KILL, Process.pid)
    sleep
  end

  def raises(message)
    raise message
  end

  def raises_latin1(message)
    raise message.encode("ISO-8859-1").force_encoding("BINARY")
  end

  def raises_huge(megabytes)
    raise "x" * (megabytes * 1024 * 1024)
  end

  def throws_interrupt(_)
    raise Interrupt
  end

  def kills_rake(_)
    Process.kill(:KILL, Process.ppid)
    sleep
  end

  def prints_its_error(message)
    raise message
  rescue StandardError => e
    puts "error: #{e.message}"
  end

  def enqueues(number)
    Settings.log("queue", [number])
  end

  def returns_early(_); end
end

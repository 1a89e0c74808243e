# encoding: utf-8
#
# What a child does: one task, or checks; and how it tells what came of it.
#
# A task finds what `rake 'task[number]'` would have found after `environment`, and nothing of
# another task: its process was forked from the booted one, which runs none.
module Ordermonit
  CHECK = "ordermonit-check" # the "file name" of a check's own code in a backtrace
  TEXT, CHAIN = 4096, 20     # the longest message out, and chain of causes
  CAUSE = Exception.method_defined?(:cause) # Ruby 2.1 and newer

  class << self
    # Of what only the process that ends can know.
    def finalizer_defined
      @finalizers = (@finalizers || 0) + 1
    end

    private

    # In a process that does this only: the task, then what it has left to be done at exit. The
    # answer goes out before the application's own handlers, and the end of a large process.
    def work(requests, answers)
      known = $LOADED_FEATURES.size
      @child, @finalizers, @descriptors = Process.pid, 0, descriptors
      title("waits for a task")
      meet_models
      name, number = JSON.parse(requests.gets || exit!(0))
      requests.close
      title("#{name}[#{number}]")
      said = nil
      at_exit do
        said = summed_up(said, $!)
        said["loaded"] = loaded(known) if said
        answers.write(JSON.generate(said) + "\n") if said && Process.pid == @child
        answers.close
      end
      failure = attempt(name, number)
      said = outcome(failure)
      exit(failure.is_a?(SystemExit) ? failure.status : 1) if failure
    end

    # What Ruby had to load for it, and whether there is a connection to the database.
    def loaded(known)
      connected = false
      rescued { connected = ActiveRecord::Base.connected? } if defined?(ActiveRecord::VERSION)
      [$LOADED_FEATURES.drop(known), connected ? true : false]
    end

    # The end of a task's process, after all its handlers. To free what ends with the process anyway
    # would take a large Ruby longer than the task; so that is left out, unless the task has defined
    # finalizers or left a file open, whose last words Ruby would write only now.
    def vanish
      left = Process.pid == @child && @finalizers == 0 && !$!.is_a?(SignalException)
      return unless left && (descriptors - @descriptors).empty?
      @files.each { |io| rescued { io.flush unless io.closed? } }
      disconnect
      exit!($!.is_a?(SystemExit) ? $!.status : 0)
    end

    # What is open, but for sockets.
    def descriptors
      all = Dir.entries("/proc/self/fd").map { |name| File.readlink("/proc/self/fd/#{name}") rescue "" }
      all.reject { |one| one.start_with?("socket:", "anon_inode:") }
    rescue SystemCallError # this system can't tell
      [Object.new]
    end

    # In a process that answers questions until nobody asks any more.
    def check(requests, answers)
      title("asks")
      pid = Process.pid
      while line = requests.gets
        said = ask(*JSON.parse(line))
        exit!(1) unless Process.pid == pid # a child that came back from its fork
        answers.write(JSON.generate(said) + "\n")
      end
      disconnect
      exit!(0)
    end

    def title(text)
      Process.setproctitle("ordermonit: #{text}") if Process.respond_to?(:setproctitle)
    end

    # What the handlers at exit have made of it; nothing when a signal ends it.
    def summed_up(said, late)
      return if late.is_a?(SignalException)
      return said unless said && said["done"] && late
      outcome(late)
    end

    def attempt(name, number)
      rescued { Rake::Task[name].invoke(number) }
    end

    # A task that says `exit 0` ends rake with the status of success: that is its explicit answer.
    def outcome(failure)
      return { "done" => true } if failure.nil? || (failure.is_a?(SystemExit) && failure.success?)
      { "error" => chain(failure) }
    end

    def ask(name, number)
      value = nil
      failure = rescued { value = @checks[name].call(number) }
      return { "unavailable" => message(failure) } if failure && absent?(failure, name)
      return { "error" => chain(failure) } if failure
      { "value" => true.equal?(value) || false.equal?(value) ? value : text { value.inspect } }
    end

    # Whether what the check itself names isn't there; an error deeper inside is another matter.
    # `const_missing` and `method_missing` are Rails looking for it.
    def absent?(error, name)
      return false if !error.is_a?(NameError) || error.message =~ /\bfor nil\b/
      at = error.backtrace.index { |frame| frame.start_with?(CHECK) }
      named = @settings["checks"][name].include?(error.name.to_s.split("::").last.to_s)
      named && at && (at == 0 || error.backtrace[at - 1] =~ /(const|method)_missing/)
    end

    # Also SystemExit, SyntaxError and the like; but a signal that ends rake is no answer.
    def rescued
      recording { yield }
      nil
    rescue SignalException
      raise
    rescue Exception => error
      error
    end

    # Before 2.1 Ruby forgets what was being handled when an exception was raised.
    def recording
      return yield if CAUSE || !defined?(TracePoint)
      @causes = {}.compare_by_identity
      trace = TracePoint.new(:raise) { |point| @causes[point.raised_exception] ||= $! }
      trace.enable { yield }
    end

    def cause(error)
      error.respond_to?(:cause) ? error.cause : (@causes || {})[error]
    end

    # The exception and its causes, innermost first.
    def chain(error)
      found = []
      while error.is_a?(Exception) && found.size < 100 && found.none? { |one| one.equal?(error) }
        found << error
        error = cause(error)
      end
      found.last(CHAIN).reverse.map do |one|
        names = (one.class.ancestors - Object.ancestors).first(CHAIN)
        { "class" => text { one.class }, "ancestors" => names.map { |name| text { name } },
          "message" => message(one) }
      end
    end

    # Without what Ruby adds for people at a console.
    def message(error)
      said = text { error.respond_to?(:original_message) ? error.original_message : error.message }
      said.sub(/\s+Did you mean\?\s.*\z/m, "")
    end

    # Valid UTF-8 whatever it was, and never an exception of its own.
    def text
      string = String.new(yield.to_s)[0, TEXT]
      unless %w[UTF-8 ASCII-8BIT US-ASCII].include?(string.encoding.name)
        string = string.encode("UTF-8", :invalid => :replace, :undef => :replace)
      end
      string.force_encoding("UTF-8")
      string.valid_encoding? ? string : string.force_encoding("ISO-8859-1").encode("UTF-8")
    rescue StandardError, ScriptError, SystemStackError => error
      "(not readable: #{error.class})"
    end
  end
end

class << ObjectSpace
  alias_method :define_finalizer_unseen, :define_finalizer
  def define_finalizer(*object, &block)
    Ordermonit.finalizer_defined
    define_finalizer_unseen(*object, &block)
  end
end

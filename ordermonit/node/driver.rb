# encoding: utf-8
#
# Our end on the node: one rake process that answers each line of JSON it reads with one of its own.
#
# rake evaluates this text (-E) before it loads the Rakefile, and then runs the task that is defined
# at the end. It is old Ruby on purpose: it has to run on 1.9 as on today's. Nothing is required
# before Rails has booted, since that could activate another gem version than the Gemfile asks for.
module Ordermonit
  NUMBER = /\A[A-Za-z0-9._-]{1,64}\z/
  CHECK = "ordermonit-check" # the "file name" of a check's own code in a backtrace
  HELLO = 60                 # seconds to wait for the client's first line
  LINE, TEXT, CHAIN = 65536, 4096, 20 # the longest line in, message out, and chain of causes

  class << self
    def start
      take_over
      watch_over(HELLO)
      @settings = hello
      arm(@settings["lock_wait"] + @settings["grace"])
      lock(@settings["lock"])
      arm(@settings["boot_timeout"])
      Thread.new { listen }
      Rake::Task.define_task("ordermonit:session") { session }
    end

    private

    # Whatever the Rakefile, a task or a child prints or reads, it can't touch the protocol.
    def take_over
      @pid, @arming, @lines = Process.pid, Mutex.new, SizedQueue.new(16)
      @input, @output = STDIN.dup, STDOUT.dup
      [@input, @output].each { |io| io.close_on_exec = true }
      @output.sync = true
      STDIN.reopen("/dev/null")
      STDOUT.reopen(STDERR)
      STDOUT.sync = true
      Process.setpgid(0, 0) # so that a kill takes the task's children too, and nobody else
    rescue Errno::EPERM # it leads its session, and so its group, already
    end

    # A process outside our group ends the whole group when an armed deadline passes, even if Ruby
    # itself is stuck. A grandchild, so that a task which waits for its children never waits for it.
    def watch_over(seconds)
      reader, @watchdog = IO.pipe
      child = fork do
        Process.setsid
        fork { watch(reader, seconds) }
        exit!(0)
      end
      Process.wait(child)
      reader.close
      @watchdog.sync = @watchdog.close_on_exec = true
    end

    def watch(reader, left)
      [@watchdog, @input, @output].each { |io| io.close }
      STDIN.reopen("/dev/null")
      [STDOUT, STDERR].each { |io| io.reopen("/dev/null", "w") }
      $0 = "ordermonit: bounds the life of #{@pid}"
      orderly = false
      while left > 0 && alive?
        unless IO.select([reader], nil, nil, [left, 1].min)
          left -= 1
          next
        end
        line = reader.gets or break
        left, orderly = line.to_f, line.include?("bye")
      end
      # An orderly end leaves the children of the tasks alone, as any rake does.
      Process.kill(:KILL, -@pid) if !orderly || (left <= 0 && alive?)
    ensure
      exit!(0)
    end

    def alive?
      Process.getpgid(@pid) == @pid
    rescue Errno::ESRCH
      false
    end

    # From now on the group lives `seconds` at most; and no longer than the seconds of grace once
    # nobody listens any more.
    def arm(seconds, word = "")
      @arming.synchronize do
        yield if block_given?
        seconds = [seconds, @settings["grace"]].min if @gone
        @watchdog.write("#{Float(seconds)} #{word}\n")
      end
    end

    # json is asked in a child (see the top). An installed copy has its own tasks, checks and lock:
    # there no text of the client is ever evaluated or opened.
    def hello
      line = @input.gets("\n", LINE) or exit!(0)
      said = Marshal.load(IO.popen("-") { |child| child ? child.read : parse(line) })
      return said unless $ORDERMONIT_SETTINGS
      own = %w[tasks checks lock].map { |key| [key, $ORDERMONIT_SETTINGS.fetch(key)] }
      said.merge(Hash[own]).merge("wanted" => said["tasks"].keys)
    end

    def parse(line)
      require "json"
      STDOUT.binmode.write(Marshal.dump(JSON.parse(line.force_encoding("UTF-8"))))
      STDOUT.flush
    ensure
      exit!(0)
    end

    def make_directory(path)
      Dir.mkdir(path) unless File.directory?(path)
    rescue Errno::EEXIST # another monitor was quicker
    end

    # The kernel's lock: it ends with its holder, whatever ends that.
    def lock(path)
      make_directory(File.dirname(path))
      @lock = File.open(path, File::RDWR | File::CREAT, 0644)
      tries = (@settings["lock_wait"] * 10).ceil # a predecessor of ours may be dying
      until @lock.flock(File::LOCK_EX | File::LOCK_NB)
        leave("locked_by" => text { @lock.read(TEXT) }) if (tries -= 1) < 0
        sleep 0.1
      end
      @lock.truncate(0)
      @lock.write("#{@settings["holder"]}, since #{Time.now.utc.strftime("%Y-%m-%d %H:%M:%SZ")}")
      @lock.flush
    rescue SystemCallError => error
      leave("no_lock" => path, "error" => chain(error))
    end

    # A thread of its own, so that the client's end is noticed while a task runs.
    def listen
      begin
        while line = @input.gets("\n", LINE)
          @lines << line
        end
      rescue SystemCallError # ECONNRESET: the other end of a socket left an answer of ours unread
      end
      # At once, or the session could see the end and say "bye" before the grace is armed.
      arm(@settings["grace"]) { @gone = true }
      @lines << nil
    end

    def session
      boot
      answer("ordermonit" => 1, "ready" => true, "ruby" => RUBY_VERSION, "rake" => Rake::VERSION)
      loop do
        arm(@settings["idle_limit"])
        line = @lines.pop
        break if line.nil? || @gone
        request = JSON.parse(line.force_encoding("UTF-8"))
        arm(request["timeout"])
        answer({ "id" => request["id"] }.merge(reply(request)))
      end
      arm(@settings["grace"], "bye")
      @lock.flock(File::LOCK_UN) # a child of a task may hold a copy of it
    end

    def boot
      environment = Rake::Task.task_defined?("environment")
      failure = rescued { Rake::Task["environment"].invoke if environment }
      leave("no_boot" => chain(failure)) if failure
      require "json"
      tasks = @settings["tasks"]
      missing = tasks.values.find { |name| !Rake::Task.task_defined?(name) }
      missing ||= ((@settings["wanted"] || []) - tasks.keys).first
      leave("no_task" => missing) if missing
      @checks = Hash[@settings["checks"].map { |name, text| [name, compiled(name, text)] }]
    end

    def compiled(name, text)
      eval("lambda { |number| #{text}\n}", TOPLEVEL_BINDING, CHECK)
    rescue SyntaxError => error
      leave("bad_check" => name, "error" => chain(error))
    end

    def reply(request)
      number = request["number"]
      return { "refused" => "bad number" } unless number.is_a?(String) && number =~ NUMBER
      request["run"] ? run(request["run"], number) : ask(request["ask"], number)
    end

    def run(name, number)
      task = Rake::Task[@settings["tasks"].fetch(name)]
      renew(task)
      failure = rescued { task.invoke(number) }
      # A task that says `exit 0` ends rake with the status of success: that is its explicit answer.
      return { "done" => true } if failure.nil? || (failure.is_a?(SystemExit) && failure.success?)
      # Prerequisites run once a session; but one that failed would fail, or be left out, for ever.
      needed = task.respond_to?(:all_prerequisite_tasks) ? task.all_prerequisite_tasks : []
      needed.each { |other| renew(other) unless other.name == "environment" }
      { "error" => chain(failure) }
    end

    # rake 12.3.1 to 13.0.0 raises the last exception again, even after reenable.
    def renew(task)
      task.reenable
      task.instance_variable_set(:@invocation_exception, nil)
    end

    def ask(name, number)
      check = @checks[name] or return { "unavailable" => "this node has no check #{name}" }
      value = nil
      failure = rescued { value = check.call(number) }
      return { "unavailable" => text { failure.message } } if failure && absent?(failure, name)
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
      yield
      nil
    rescue SignalException
      raise
    rescue Exception => error
      error
    end

    # The exception and its causes, innermost first.
    def chain(error)
      found = []
      while error.is_a?(Exception) && found.size < 100 && found.none? { |one| one.equal?(error) }
        found << error
        error = error.respond_to?(:cause) ? error.cause : nil
      end
      found.last(CHAIN).reverse.map do |one|
        names = (one.class.ancestors - Object.ancestors).first(CHAIN)
        { "class" => text { one.class }, "ancestors" => names.map { |name| text { name } },
          "message" => text { one.message } }
      end
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

    def answer(hash)
      exit!(1) unless Process.pid == @pid # a task's child that came back from its fork
      @output.write(JSON.generate(hash) + "\n")
    end

    def leave(hash)
      require "json"
      answer({ "ordermonit" => 1 }.merge(hash))
      arm(@settings["grace"], "bye")
      exit!(0)
    end
  end
end

Ordermonit.start

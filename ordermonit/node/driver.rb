# encoding: utf-8
#
# Our end on the node: one rake process that answers each line of JSON it reads with one of its own.
# It boots Rails once and then only forks; what works is its children (children.rb, task.rb). After
# the session it may stay, booted as it is, for the next ones (warm.rb).
#
# A first stage in the command line reads this text from stdin (wire.py). rake evaluates that (-E)
# before it loads the Rakefile, and then runs the task that is defined at the end. It is old Ruby on
# purpose: it has to run on 1.9 as on today's. Nothing is required before Rails has booted, since
# that could activate another gem version than the Gemfile asks for.
module Ordermonit
  HELLO = 60   # seconds to wait for the client's first lines
  LINE = 65536 # the longest line
  NUMBER = /\A[A-Za-z0-9._-]{1,64}\z/

  class << self
    def start
      take_over
      guard(HELLO)
      @settings = hello
      hand_over
      leave("old_rake" => text { RAKEVERSION }) unless defined?(Rake::VERSION)
      engage
      @begun, @begun_at = now, Time.now
      at_exit { Process.pid == @pid ? depart : vanish } # the first handler is the last to run
      Rake::Task.define_task("ordermonit:session") { boot && session }
    end

    # In seconds.
    def now
      return Time.now.to_f unless defined?(Process::CLOCK_MONOTONIC) # before 2.1
      Process.clock_gettime(Process::CLOCK_MONOTONIC)
    end

    def kill(group)
      Process.kill(:KILL, -group)
    rescue Errno::ESRCH, Errno::EPERM # it is empty, or nobody's of ours
    end

    private

    # Whatever the Rakefile, a task or a child prints or reads, it can't touch the protocol.
    def take_over
      @pid, @learned, @models = Process.pid, [], []
      @met = @caller = @mark = @spoilt = nil
      @sent = const_defined?(:INPUT, false) # or this is an installed copy, without the first stage
      meet(@sent ? INPUT : STDIN.dup, STDOUT.dup)
      STDIN.reopen("/dev/null")
      STDOUT.reopen(STDERR)
      STDOUT.sync = true
      Process.setpgid(0, 0) # so that a kill takes what the boot began too, and nobody else
    rescue Errno::EPERM, NotImplementedError # it leads its session, and so its group, already
    end

    # A client, at the beginning of its session.
    def meet(input, output)
      @input, @output, @arming, @lines = input, output, Mutex.new, SizedQueue.new(16)
      @upcoming = [] # a request that was looked at before its turn; nil there is the end
      @gone = @departed = false
      @own, @ending = [@input, @output, *@mark], [] # what no child keeps; children that only have to end
      @watchdog = @working = @standby = @checker = @lesson = nil
      @own.each { |io| io.close_on_exec = true }
      @output.sync = true
    end

    # Its lock and its watchdog, before anything else is done.
    def engage
      guard(@settings["lock_wait"] + @settings["grace"])
      lock(@settings["lock"])
      give_back if marked?
      watch_over(@settings["boot_timeout"])
      @guard.kill
      Thread.new { listen }
    end

    # Until the watchdog is there. Nothing of the node's own has been loaded, so no Ruby is stuck.
    def guard(seconds)
      @guard ||= GUARD if @sent
      @guard.kill if @guard
      @guard = Thread.new { sleep(seconds) && Process.kill(:KILL, @pid) }
    end

    # json is asked in a child (see the top). An installed copy has its own tasks, checks and lock:
    # there no text of the client is ever evaluated or opened.
    def hello
      @input.gets unless @sent # the client's driver
      line = @input.gets("\n", LINE) or exit!(0)
      said = FORKS ? Marshal.load(IO.popen("-") { |io| io ? io.read : parse(line) }) : json(line)
      return said unless $ORDERMONIT_SETTINGS
      own = %w[tasks checks lock].map { |key| [key, $ORDERMONIT_SETTINGS.fetch(key)] }
      least = [said["keep_booted"], $ORDERMONIT_SETTINGS["keep_booted"]].map { |all| all.to_f }.min
      said.merge(Hash[own]).merge("wanted" => said["tasks"].keys, "keep_booted" => least)
    end

    def parse(line)
      STDOUT.binmode.write(Marshal.dump(json(line)))
      STDOUT.flush
    ensure
      exit!(0)
    end

    def json(line)
      require "json"
      JSON.parse(line.force_encoding("UTF-8"))
    end

    def make_directory(path)
      Dir.mkdir(path) unless File.directory?(path)
    rescue Errno::EEXIST # another monitor was quicker
    end

    # The kernel's lock: it ends with its holders, this process and the watchdog, whatever ends them.
    def lock(path)
      path = File.expand_path(path)
      make_directory(File.dirname(path))
      @own << @lock = File.open(path, File::RDWR | File::CREAT, 0644)
      tries = (@settings["lock_wait"] * 10).ceil # a predecessor of ours may be dying
      until @lock.flock(File::LOCK_EX | File::LOCK_NB)
        leave("locked_by" => text { @lock.read(TEXT) }) if (tries -= 1) < 0
        sleep 0.1
      end
      @lock.truncate(0)
      @lock.write("#{@settings["holder"]}, since #{Time.now.utc.strftime("%Y-%m-%d %H:%M:%SZ")}")
      @lock.flush
    rescue SystemCallError, ArgumentError => error # the latter: no home for a path with ~
      leave("no_lock" => path, "error" => chain(error))
    end

    # A process outside our group ends us and our children's groups when an armed deadline passes,
    # even if Ruby itself is stuck. A grandchild, so that what waits for all children never waits
    # for it.
    def watch_over(seconds)
      reader, @watchdog = IO.pipe
      [reader, @watchdog].each { |io| io.sync = io.close_on_exec = true }
      @own << @watchdog
      return Thread.new { watch(reader, seconds) } unless FORKS
      child = fork do
        Process.setsid
        fork { withdraw && watch(reader, seconds) }
        exit!(0)
      end
      Process.wait(child)
      reader.close
    end

    # It keeps the lock: nobody else may begin before what worked here has ended.
    def withdraw
      [@watchdog, @input, @output].each { |io| io.close unless io.closed? }
      STDIN.reopen("/dev/null")
      [STDOUT, STDERR].each { |io| io.reopen("/dev/null", "w") }
      $0 = "ordermonit: bounds the life of #{@pid}"
    end

    def watch(reader, seconds)
      deadline, groups, orderly = now + seconds, [], false
      while (left = deadline - now) > 0 && alive?
        next unless IO.select([reader], nil, nil, [left, 1].min)
        line = reader.gets or break
        case line[0, 1]
        when "+" then groups << line.to_i
        when "-" then groups.delete(-line.to_i)
        else deadline, orderly = now + line.to_f, line.include?("bye")
        end
      end
      # An orderly end leaves what the boot began alone, as any rake does.
      groups.unshift(@pid) if !orderly || (left <= 0 && alive?)
      groups.each { |group| kill(group) }
      500.times { groups.all? { |group| dead?(group) } ? break : sleep(0.01) }
    ensure
      exit!(0)
    end

    # Perhaps nobody has waited for it yet.
    def dead?(pid)
      File.read("/proc/#{pid}/stat") =~ /\) [ZX] /
    rescue SystemCallError
      true
    end

    def alive?
      Process.getpgid(@pid) == @pid
    rescue Errno::ESRCH
      false
    end

    # From now on this process lives `seconds` at most, and its children no longer; and no longer
    # than the seconds of grace once nobody listens any more.
    def arm(seconds, word = "")
      @arming.synchronize do
        yield if block_given?
        seconds = [seconds, @settings["grace"]].min if @gone
        @watchdog.write("#{Float(seconds)} #{word}\n")
      end
    end

    def tell(line)
      @arming.synchronize { @watchdog.write("#{line}\n") }
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
      answer(ready)
      silent = nil
      loop do
        arm(@settings[silent ? "grace" : "idle_limit"]) unless following?
        request = @upcoming.empty? ? receive : @upcoming.shift
        break if request.nil? || @gone
        said = reply(request)
        answer({ "id" => request["id"] }.merge(said))
        break if said["over"]
        # Where a task hung, the line may have fallen silent too; then nobody is to wait for us. The
        # lines that were there by then are no sign of life.
        silent = said["hung"] ? @lines.size + @upcoming.size : (silent - 1 if silent.to_i > 0)
      end
      depart { stay }
    end

    # The next request; nil when nobody sends any more.
    def receive
      line = @lines.pop
      line && json(line)
    end

    # Whether the next request is there by now; it is looked at then.
    def following?
      @upcoming << receive if @upcoming.empty? && !@lines.empty?
      !@upcoming.empty?
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
      @booted = now
    end

    def compiled(name, text)
      eval("lambda { |number| #{text}\n}", TOPLEVEL_BINDING, CHECK)
    rescue SyntaxError => error
      leave("bad_check" => name, "error" => chain(error))
    end

    def ready
      environment = ENV["RAILS_ENV"] || ENV["RACK_ENV"]
      environment = text { Rails.env } if defined?(Rails) && Rails.respond_to?(:env)
      tasks = @settings["tasks"].map { |name, task| [name, Rake::Task[task].arg_names] }
      { "ordermonit" => 1, "ready" => true, "ruby" => RUBY_VERSION, "rake" => Rake::VERSION,
        "rails_env" => environment, "lock" => text { @lock.path }, "tasks" => Hash[tasks],
        "forks" => FORKS, "cause" => CAUSE || defined?(TracePoint) ? true : false,
        "boot" => @booted - @begun, "keeps" => @seconds, "cold" => @cold,
        "kept" => @kept && { "age" => now - @booted, "memory" => @size } }
    end

    def reply(request)
      number, check, seconds = request.values_at("number", "ask", "timeout")
      return { "refused" => "bad number" } unless sound?(number)
      if request["run"]
        run(@settings["tasks"].fetch(request["run"]), number, seconds)
      elsif @checks[check]
        question(check, number, seconds)
      else
        { "unavailable" => "this node has no check #{check}" }
      end
    rescue *SHORT => error
      { "error" => chain(error) }
    end

    def sound?(number)
      number.is_a?(String) && number =~ NUMBER
    end

    def answer(hash)
      exit!(1) unless Process.pid == @pid # a child that came back from its fork
      @output.write(JSON.generate(hash) + "\n")
    end

    def leave(hash)
      require "json"
      answer({ "ordermonit" => 1 }.merge(hash))
      depart
      finish
    end

    # Whoever passed the session on waits for this.
    def finish
      @caller.write("over\n") if @caller
    rescue Errno::EPIPE
      nil # or not any more
    ensure
      exit!(0)
    end

    # The end in order, whatever brings it. The lock goes at once: what a task left behind may
    # outlive us, and all that is still to be done here only ends.
    def depart
      return if @departed || !@watchdog
      @departed = true
      spoilt? if @working
      @working.kill if @working
      @working.join if @working
      @lock.flock(File::LOCK_UN)
      arm(@settings["grace"], "bye")
      yield if block_given?
      waiting = [@standby, @checker].compact.each { |child| child.release }
      (waiting + @ending.map { |child, _| child }).each { |child| child.join }
    end
  end
end

Ordermonit.start
